// What a station's numbers mean, in the words of somebody who has to act on them.
import type { GatewayState, Station } from './api'
import { count, duration, time } from './format'

export type Level = 'normal' | 'warn' | 'alarm'
export interface Trouble {
  level: Level
  title: string
  detail: string
}

const kStaleMs = 15_000
const kBehindMs = 60_000

const age = (iso: string | null, now: number) => (iso === null ? Infinity : now - Date.parse(iso))

// Worst first. Empty: all is well.
export function troubles(station: Station, gateway: GatewayState | undefined, now: number): Trouble[] {
  const found: Trouble[] = []
  const late = age(station.newest, now)
  const since = station.newest ? time(station.newest) : 'the start'
  if (!station.gateway_online)
    found.push({
      level: 'warn',
      title: 'No link to the gateway',
      detail: `Shown as of ${since}. The gateway inspects without the link, and delivers when it is back.`,
    })
  else if (late > kBehindMs && gateway && age(gateway.last_seen, now) < kStaleMs)
    found.push({
      level: 'warn',
      title: `Catching up, ${duration(late)} behind`,
      detail: 'The link is back and the backlog is being delivered. New rejects and events come first.',
    })
  else if (late > kStaleMs)
    found.push({
      level: 'warn',
      title: `No report for ${duration(late)}`,
      detail: `The gateway is connected but sends nothing of this station since ${since}.`,
    })
  if (!station.camera_up)
    found.push({
      level: 'alarm',
      title: 'Camera lost',
      detail: 'Items get the fail-safe verdict. Check its power, cable and address; the gateway keeps trying.',
    })
  if (!station.actuator_up)
    found.push({
      level: 'alarm',
      title: 'Rejector not reachable',
      detail: 'The station is in its safe state. Check wiring and address of the rejector.',
    })
  else if (station.not_ejected > 0)
    found.push({
      level: 'alarm',
      title: `${count(station.not_ejected)} ${station.not_ejected === 1 ? 'reject' : 'rejects'} not ejected`,
      detail: 'In the last minute rejects went by the rejector. Take them off the line, then look at its air, wiring and timing.',
    })
  if (station.late > 0)
    found.push({
      level: 'warn',
      title: `${count(station.late)} ${station.late === 1 ? 'verdict' : 'verdicts'} late`,
      detail: 'In the last minute items got the fail-safe verdict because none was there in time. The gateway may be overloaded.',
    })
  return found.sort((a, b) => Number(b.level === 'alarm') - Number(a.level === 'alarm'))
}

// The one word for a card.
export function headline(station: Station, found: Trouble[]): Trouble {
  if (found[0]) return found[0]
  if (station.items_per_minute < 0.5)
    return { level: 'normal', title: 'Waiting for items', detail: 'Everything is ready; no items pass.' }
  return { level: 'normal', title: 'Running', detail: 'Camera, rejector and link are well.' }
}
