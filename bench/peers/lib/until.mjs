import { setTimeout as sleep } from 'node:timers/promises'

/** Looks every millisecond until `look` gives something, or resolves with the last answer after `timeoutMs`. */
export async function lookUntil(look, timeoutMs = 20_000) {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found || performance.now() > end) return found
    await sleep(1)
  }
}

/** The same, for what must come. */
export async function until(look, what, timeoutMs = 20_000) {
  const found = await lookUntil(look, timeoutMs)
  if (!found) throw new Error(`${what} did not happen within ${timeoutMs} ms`)
  return found
}
