import { monotonicMs } from '@bgtask/os'
import { MAX_TIMER_MS } from '@bgtask/protocol/rpc'

/** A condition variable: long polls wait for it, and `wake` ends all of them. */
export class Condition {
  readonly #waiting = new Set<() => void>()

  /** Resolves at the next `wake`, after `waitMs`, or when `signal` aborts, whichever is first. */
  wait(waitMs?: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs)
      this.#waiting.add(done)
      signal?.addEventListener('abort', done)
      if (signal?.aborted) done()
    })
  }

  /** Resolves with true when the predicate holds, which is checked now and after each `wake`; with false after `waitMs`. */
  async until(predicate: () => boolean, waitMs: number): Promise<boolean> {
    for (const deadline = monotonicMs() + waitMs; !predicate(); ) {
      const leftMs = deadline - monotonicMs()
      if (leftMs <= 0) return false
      await this.wait(Math.min(leftMs, MAX_TIMER_MS))
    }
    return true
  }

  wake(): void {
    if (this.#waiting.size === 0) return
    for (const done of [...this.#waiting]) done()
  }
}

/** Polls now and after each wake, until `poll` succeeds, the time is over, or `signal` aborts; returns the last result. */
export async function pollUntil<T>(
  condition: Condition,
  poll: () => { found: boolean; result: T },
  waitMs: number,
  signal: AbortSignal,
): Promise<T> {
  const deadline = monotonicMs() + waitMs
  for (;;) {
    const { found, result } = poll()
    const leftMs = deadline - monotonicMs()
    if (found || leftMs <= 0 || signal.aborted) return result
    await condition.wait(leftMs, signal)
  }
}
