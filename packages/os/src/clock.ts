/**
 * Milliseconds on a clock that never goes back, from some point in the past. `performance.now()` would tell the same, but
 * what Node loads for it takes a daemon that starts 2 ms, and memory for as long as it runs.
 */
export function monotonicMs(): number {
  return process.uptime() * 1_000
}
