// What an asset's summary means to somebody who looks at the page.
import type { Asset } from './api'
import type { Level } from './condition'

const kSilentMs = 3 * 60_000

export interface AssetHead {
  level: Level
  title: string
  detail: string
}

export function assetHead(asset: Asset, now: number): AssetHead {
  const age = asset.time ? now - Date.parse(asset.time) : Infinity
  if (age > kSilentMs) return { level: 'warn', title: 'No news', detail: 'Its newest summary is old: the link or the gateway is down.' }
  if (asset.alarm)
    return { level: 'alarm', title: 'Far from normal', detail: `Up to ${times(asset)} of the threshold in the newest summary.` }
  if (asset.sensor) return { level: 'warn', title: 'Sensor fault', detail: asset.sensor }
  if (asset.trouble) return { level: 'warn', title: 'Not scored', detail: asset.trouble }
  if (asset.mode === 'collecting')
    return { level: 'normal', title: `Learning: recording ${Math.round(asset.progress * 100)} %`, detail: 'Recordings of normal running are taken.' }
  if (asset.mode === 'training') return { level: 'normal', title: 'Learning: training', detail: 'The model is being trained on the gateway.' }
  if (asset.mode === 'shadow')
    return { level: 'normal', title: `Learning: shadow ${Math.round(asset.progress * 100)} %`, detail: 'The new model scores without events until it has proved itself.' }
  if (asset.mode === 'waiting') return { level: 'warn', title: 'No model', detail: 'There is no model to score with.' }
  if (asset.windows > 0 && asset.unknown * 2 > asset.windows)
    return { level: 'normal', title: 'Unknown state', detail: 'It runs as it was never learned: nothing can be said.' }
  return { level: 'normal', title: 'Normal', detail: 'As it was learned.' }
}

export function times(asset: Asset): string {
  return asset.threshold > 0 ? `${((asset.score_max / asset.threshold) * 100).toFixed(0)} %` : '–'
}
