// Numbers and times as people on a line read them: grouped digits, 24 hours, units.
const whole = new Intl.NumberFormat('en-GB')
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const shortTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' })
const fullTimeFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' })
const dayTime = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit' })

export const count = (value: number) => whole.format(Math.round(value))

// A share of 0..1 in percent, with enough digits that a rare thing is not shown as nothing.
export function percent(share: number): string {
  const value = share * 100
  if (value === 0) return '0 %'
  if (value < 0.01) return '< 0.01 %'
  return `${value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : value.toFixed(0)} %`
}

export function milliseconds(value: number | null): string {
  if (value === null) return '–'
  if (value < 1) return `${value.toFixed(2)} ms`
  if (value < 10) return `${value.toFixed(1)} ms`
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

export function when(iso: string, now: number): string {
  const date = new Date(iso)
  return now - date.getTime() < 20 * 3600_000 ? clockTime.format(date) : dayTime.format(date)
}

export const hourMinute = (date: Date) => shortTime.format(date)

// With day, seconds and zone.
export const fullTime = (iso: string) => fullTimeFormat.format(new Date(iso))

// A mark of a time axis: the day where a new one begins or where marks are days apart.
export const axisMark = (date: Date, apartS: number) =>
  apartS >= 86_400 || (date.getHours() === 0 && date.getMinutes() === 0) ? day.format(date) : shortTime.format(date)

// Where every time of the page is: "Europe/Berlin, GMT+1".
export function zone(): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' }).formatToParts(new Date())
  const offset = parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
  return [...new Set([Intl.DateTimeFormat().resolvedOptions().timeZone, offset])].filter(Boolean).join(', ')
}

// "4 s", "3 min", "2 h", "5 d"
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

// A measured value with its unit: five significant digits are more than most instruments have.
export function reading(value: number, unit: string): string {
  const digits = value !== 0 && (Math.abs(value) >= 1e7 || Math.abs(value) < 1e-4) ? value.toExponential(3) : String(Number(value.toPrecision(6)))
  return unit ? `${digits} ${unit}` : digits
}
