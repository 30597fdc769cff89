// What a station's or a machine's numbers mean, in the words of somebody who has to act on them.
import type { Asset, GatewayState, Station } from './api'
import { count, duration, percent, when } from './format'
import { type Level, levelOf, worstFirst } from './severity'

export interface Trouble {
  level: Level
  title: string
  detail: string
}

const kStaleMs = 15_000
const kBehindMs = 60_000
// A machine's summaries come less often than a station's.
const kSilentMs = 3 * 60_000
const kSilentPeriods = 3

const age = (iso: string | null, now: number) => (iso === null ? Infinity : now - Date.parse(iso))

// Worst first. Empty: all is well.
export function troubles(station: Station, gateway: GatewayState | undefined, now: number): Trouble[] {
  const found: Trouble[] = []
  const late = age(station.newest, now)
  const since = station.newest ? when(station.newest, now) : 'the start'
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
  return found.sort(worstFirst)
}

// The one word for a card.
export function stationHeadline(station: Station, found: Trouble[]): Trouble {
  if (found[0]) return found[0]
  if (station.items_per_minute < 0.5)
    return { level: 'normal', title: 'Waiting for items', detail: 'Everything is ready; no items pass.' }
  return { level: 'normal', title: 'Running', detail: 'Camera, rejector and link are well.' }
}

// Worst first. An alarm stays on top when the link goes: it was not ended.
export function assetTroubles(asset: Asset, gateway: GatewayState | undefined, now: number): Trouble[] {
  const found: Trouble[] = []
  const late = age(asset.time, now)
  const since = asset.time ? when(asset.time, now) : 'the start'
  if (asset.alarm)
    found.push({
      level: levelOf(asset),
      title: 'Far from normal',
      detail: `Up to ${ofThreshold(asset)} of the threshold in the newest summary. The events say what it is like.`,
    })
  if (gateway && !gateway.online)
    found.push({
      level: 'warn',
      title: 'No link to the gateway',
      detail: `Shown as of ${since}. The gateway goes on scoring without the link, and delivers when it is back.`,
    })
  else if (late > Math.max(kSilentMs, kSilentPeriods * asset.period_s * 1000))
    found.push({
      level: 'warn',
      title: `No summary for ${duration(late)}`,
      detail: `Shown as of ${since}. Either the backlog is being delivered, or the machine's source has stopped.`,
    })
  if (asset.sensor) found.push({ level: 'warn', title: 'Sensor fault', detail: asset.sensor })
  if (asset.trouble) found.push({ level: 'warn', title: asset.mode === 'scoring' ? 'Scores in doubt' : 'Not scored', detail: asset.trouble })
  if (asset.mode === 'waiting') found.push({ level: 'warn', title: 'No model', detail: 'There is no model to score with.' })
  return found
}

export function assetHeadline(asset: Asset, found: Trouble[]): Trouble {
  if (found[0]) return found[0]
  const done = percent(asset.progress)
  if (asset.mode === 'collecting')
    return { level: 'normal', title: `Learning, ${done} recorded`, detail: 'Normal running is being recorded. Nothing is scored yet.' }
  if (asset.mode === 'queued')
    return { level: 'normal', title: 'Learning, waiting', detail: 'Another machine trains first. Nothing is scored yet.' }
  if (asset.mode === 'training')
    return { level: 'normal', title: 'Learning, training', detail: 'The gateway trains the model. Nothing is scored yet.' }
  if (asset.mode === 'shadow')
    return { level: 'normal', title: `Learning, ${done} proved`, detail: 'The new model scores on trial: it raises no events until it has proved itself.' }
  if (asset.windows > 0 && asset.unknown * 2 > asset.windows)
    return { level: 'normal', title: 'Unknown state', detail: 'It runs in a way that was never learned: nothing can be said.' }
  return { level: 'normal', title: 'Normal', detail: 'It runs as it was learned.' }
}

export const ofThreshold = (asset: Asset) =>
  asset.threshold > 0 && asset.windows > asset.sensor_faults ? `${count((asset.score_max / asset.threshold) * 100)} %` : '–'
