import { UnsupportedError } from '@bgtask/protocol'

/** How long one poll of a loop waits: rare enough to cost nothing, and a poll that was given up does not linger for long. */
export const LONG_POLL_MS = 20_000

/** How long one poll waits, where all of them together may take `timeoutMs`: one that was given up soon lets go, too. */
export function pollMs(timeoutMs = LONG_POLL_MS): number {
  return Math.min(LONG_POLL_MS, Math.ceil(timeoutMs))
}

/** A poll that comes back empty sooner than this was not held. */
const HASTY_MS = 50

/** So many in a row are no coincidence. */
const MAX_HASTY = 10

/** Tells a supervisor that does not hold long polls (it ignores `waitMs`) before a loop of them spins. */
export class PollPace {
  readonly #method: string
  #hasty = 0

  constructor(method: string) {
    this.#method = method
  }

  /**
   * @param polled when the poll was made, by `performance.now()`.
   * @throws UnsupportedError when too many in a row came back at once.
   */
  cameBackEmpty(polled: number, waitMs: number): void {
    const hasty = performance.now() - polled < Math.min(HASTY_MS, waitMs)
    this.#hasty = hasty ? this.#hasty + 1 : 0
    if (this.#hasty < MAX_HASTY) return
    const message = `the supervisor does not hold ${this.#method} for waitMs, so waiting is not supported`
    throw new UnsupportedError(this.#method, { message })
  }
}
