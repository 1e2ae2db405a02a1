/**
 * Milliseconds on a clock that never goes back, from some point in the past. `performance.now()` returns the same, but
 * the modules that Node loads for it delay a daemon's start by 2 ms and stay in its memory.
 */
export function monotonicMs(): number {
  return process.uptime() * 1_000
}
