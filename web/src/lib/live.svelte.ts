// The one picture of now: filled by the WebSocket, read by every view.
import type { Asset, Event, GatewayState, LiveMessage, Reject, Station } from './api'

const kRetryMaxMs = 10_000
const kEventsMax = 100

// Of a station or a machine.
export const placeKey = (gateway: string, name: string) => `${gateway}/${name}`

class Live {
  stations = $state<Record<string, Station>>({})
  gateways = $state<Record<string, GatewayState>>({})
  assets = $state<Record<string, Asset>>({})
  events = $state.raw<Event[]>([]) // pushed since the page is open, newest first
  rejects = $state.raw<Reject[]>([]) // of the last message, oldest first
  state = $state<'connecting' | 'open' | 'lost'>('connecting')
  loaded = $state(false)
  heard = $state(0) // the hub's time of the last message, in ms
  retryAt = $state(0)
  now = $state(Date.now()) // the hub's clock, moves every second
  snapshots = $state(0)

  #socket: WebSocket | undefined
  #retryMs = 500
  #skewMs = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #ticker: ReturnType<typeof setInterval> | undefined
  #wanted = false

  start() {
    if (this.#wanted) return
    this.#wanted = true
    this.#ticker = setInterval(() => (this.now = Date.now() + this.#skewMs), 1000)
    this.#open()
  }

  stop() {
    this.#wanted = false
    clearTimeout(this.#timer)
    clearInterval(this.#ticker)
    this.#socket?.close()
    this.stations = {}
    this.gateways = {}
    this.assets = {}
    this.events = []
    this.loaded = false
    this.state = 'connecting'
  }

  retry() {
    clearTimeout(this.#timer)
    this.#retryMs = 500
    this.#open()
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/ws/live`)
    this.#socket = socket
    socket.onmessage = (message) => {
      this.#take(JSON.parse(message.data as string) as LiveMessage)
      socket.send('ok')
    }
    socket.onclose = () => {
      if (!this.#wanted || socket !== this.#socket) return
      this.state = 'lost'
      const wait = this.#retryMs * (0.75 + Math.random() / 2)
      this.retryAt = Date.now() + wait
      this.#retryMs = Math.min(kRetryMaxMs, this.#retryMs * 2)
      this.#timer = setTimeout(() => this.#open(), wait)
    }
  }

  #take(message: LiveMessage) {
    this.heard = Date.parse(message.time)
    this.#skewMs = this.heard - Date.now()
    this.now = this.heard
    this.state = 'open'
    this.#retryMs = 500
    if (message.type === 'snapshot') {
      this.stations = Object.fromEntries(message.stations.map((s) => [placeKey(s.gateway, s.station), s]))
      this.gateways = Object.fromEntries(message.gateways.map((g) => [g.gateway, g]))
      this.assets = Object.fromEntries(message.assets.map((a) => [placeKey(a.gateway, a.asset), a]))
      this.loaded = true
      this.snapshots++
    } else {
      for (const station of message.stations) this.stations[placeKey(station.gateway, station.station)] = station
      for (const gateway of message.gateways) this.gateways[gateway.gateway] = gateway
      for (const asset of message.assets) this.assets[placeKey(asset.gateway, asset.asset)] = asset
    }
    if (message.rejects.length) this.rejects = message.rejects
    if (message.events.length) this.events = [...message.events.toReversed(), ...this.events].slice(0, kEventsMax)
  }
}

export const live = new Live()
