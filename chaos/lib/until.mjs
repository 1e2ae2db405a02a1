import { setTimeout as delay } from 'node:timers/promises'

/** Asks `condition` until it gives something truthy; the last answer, whatever it is, when the time (ms) is up. */
export async function until(condition, timeoutMs) {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await condition()
    if (answer || performance.now() >= deadline) return answer
    await delay(50)
  }
}
