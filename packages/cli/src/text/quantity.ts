const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const UNITS_BYTES = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const

/** Parses `10`, `10s`, `1.5m`, `2h`, `7d` or `500ms` to ms; a bare number means seconds, like in sleep(1). Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS])
}

/** Parses `65536`, `64K`, `16M` or `1G` (also `16MB`, `16MiB`) to bytes; all units are powers of 1,024. Undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(?:([kmg])(?:i?b)?|b)?$/i.exec(text) ?? []
  if (number === undefined) return undefined
  return Math.round(Number(number) * UNITS_BYTES[unit.toUpperCase() as keyof typeof UNITS_BYTES])
}

/** Formats a duration with its largest unit: `7s`, `12m`, `3h`, `5d`. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

/** Formats a size in at most five characters: `0B`, `512B`, `1.5K`, `16M`. */
export function shortSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1_000 && unit < 4) {
    value /= 1_024
    unit += 1
  }
  const digits = unit > 0 && value < 10 ? 1 : 0
  return `${value.toFixed(digits)}${['B', 'K', 'M', 'G', 'T'][unit]}`
}
