// Typed access to schema/openapi.yaml. Every failure becomes a Problem with words that can be shown.
import type { components } from './api.gen'

type Schemas = components['schemas']
export type Me = Schemas['Me']
export type Station = Schemas['Station']
export type GatewayState = Schemas['GatewayState']
export type Gateway = Schemas['Gateway']
export type Series = Schemas['Series']
export type Latency = Schemas['Latency']
export type Reject = Schemas['Reject']
export type Event = Schemas['Event']
export type Loss = Schemas['Losses']['losses'][number]
export type Asset = Schemas['Asset']
export type AssetDetail = Schemas['AssetDetail']
export type AssetSeries = Schemas['AssetSeries']
export type AssetEvent = Schemas['AssetEvents']['events'][number]
export type Alarm = Schemas['Alarm']
export type Alarms = Schemas['Alarms']
export type Tag = Schemas['Tag']
export type Tags = Schemas['Tags']
export type TagHistory = Schemas['TagHistory']
export type Spectrum = AssetDetail['spectra'][number]
export type Judgement = Schemas['FeedbackGiven']['judgement']
export type LiveMessage = Schemas['Live']

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter = 0,
  ) {
    super(message)
  }
}

// What to do when the session has ended; set by the session's own module.
let onSignedOut = () => {}
export function whenSignedOut(action: () => void) {
  onSignedOut = action
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      signal: AbortSignal.timeout(20_000),
    })
  } catch {
    throw new Problem(0, 'unreachable', 'The hub does not answer. Check the network, then try again.')
  }
  if (response.ok) return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
  const problem = (await response.json().catch(() => ({}))) as Partial<Schemas['Problem']>
  if (response.status === 401 && path !== '/api/v1/session') onSignedOut()
  throw new Problem(
    response.status,
    problem.code ?? 'unknown',
    problem.detail ?? `The hub answered with status ${response.status}.`,
    Number(response.headers.get('Retry-After') ?? 0),
  )
}

const stationPath = (gateway: string, station: string) =>
  `/api/v1/stations/${encodeURIComponent(gateway)}/${encodeURIComponent(station)}`

const assetPath = (gateway: string, asset: string) =>
  `/api/v1/assets/${encodeURIComponent(gateway)}/${encodeURIComponent(asset)}`

export const api = {
  asset: (gateway: string, asset: string) => ask<AssetDetail>('GET', assetPath(gateway, asset)),
  assetSeries: (gateway: string, asset: string, minutes: number) =>
    ask<AssetSeries>('GET', `${assetPath(gateway, asset)}/series?minutes=${minutes}`),
  assetEvents: async (gateway: string, asset: string) =>
    (await ask<Schemas['AssetEvents']>('GET', `${assetPath(gateway, asset)}/events?limit=40`)).events,
  giveFeedback: (gateway: string, asset: string, event: string, judgement: Judgement, note: string) =>
    ask<void>('POST', `${assetPath(gateway, asset)}/feedback`, { event_id: event, judgement, note }),
  alarms: () => ask<Alarms>('GET', '/api/v1/alarms'),
  acknowledge: ({ gateway, asset, kind, event_id, since }: Alarm) =>
    ask<void>('POST', '/api/v1/alarms/acknowledge', { gateway, asset, kind, event_id, since }),
  tags: (gateway: string, find: string, after: string, limit: number) =>
    ask<Tags>('GET', `/api/v1/tags/${encodeURIComponent(gateway)}?${new URLSearchParams({ find, after, limit: String(limit) })}`),
  tagHistory: (gateway: string, tag: string, minutes: number) =>
    ask<TagHistory>('GET', `/api/v1/tags/${encodeURIComponent(gateway)}/history?tag=${encodeURIComponent(tag)}&minutes=${minutes}`),
  me: () => ask<Me>('GET', '/api/v1/me'),
  signIn: (tenant: string, user: string, password: string) =>
    ask<Me>('POST', '/api/v1/session', tenant ? { tenant, user, password } : { user, password }),
  signOut: () => ask<void>('DELETE', '/api/v1/session'),
  changePassword: (current: string, next: string) => ask<void>('POST', '/api/v1/me/password', { current, next }),
  gateways: async () => (await ask<Schemas['Gateways']>('GET', '/api/v1/gateways')).gateways,
  series: (gateway: string, station: string, minutes: number) =>
    ask<Series>('GET', `${stationPath(gateway, station)}/series?minutes=${minutes}`),
  latency: (gateway: string, station: string, minutes: number) =>
    ask<Latency>('GET', `${stationPath(gateway, station)}/latency?minutes=${minutes}`),
  rejects: async (gateway: string, station: string, limit: number) =>
    (await ask<Schemas['Rejects']>('GET', `${stationPath(gateway, station)}/rejects?limit=${limit}`)).rejects,
  events: async (gateway: string, limit: number) =>
    (await ask<Schemas['Events']>('GET', `/api/v1/events?limit=${limit}&gateway=${encodeURIComponent(gateway)}`))
      .events,
  losses: async (gateway: string, limit: number) =>
    (await ask<Schemas['Losses']>('GET', `/api/v1/losses?limit=${limit}&gateway=${encodeURIComponent(gateway)}`))
      .losses,
}
