// How loud something is told. A level is a colour and a sign; an event's severity is its priority in ISA-18.2's words.
import type { Event } from './api'

export type Level = 'normal' | 'warn' | 'alarm'

// An `info` is an event and no alarm. Alarms of low and medium priority can wait for the next round; high and critical
// ones ask somebody to act now.
const levels: Record<Event['severity'], Level> = { info: 'normal', low: 'warn', medium: 'warn', high: 'alarm', critical: 'alarm' }
export const levelOf = (told: { severity: Event['severity'] }): Level => levels[told.severity]

const rank: Record<Level, number> = { alarm: 0, warn: 1, normal: 2 }
export const worstFirst = (a: { level: Level }, b: { level: Level }) => rank[a.level] - rank[b.level]
