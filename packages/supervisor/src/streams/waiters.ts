import { monotonicMs } from '@bgtask/os'
import { MAX_TIMER_MS } from '@bgtask/protocol/rpc'

/** Long polls that wait for something to happen; each ends when it is woken, when its time is up, or with its connection. */
export class Waiters {
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

  /** Resolves with true once the condition holds, which is looked at now and after each `wake`; with false after `waitMs`. */
  async until(condition: () => boolean, waitMs: number): Promise<boolean> {
    for (const deadline = monotonicMs() + waitMs; !condition(); ) {
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

/** Looks again at each wake until `look` finds something, the time is up, or `signal` aborts; returns the last look. */
export async function pollUntil<T>(
  waiters: Waiters,
  look: () => { found: boolean; result: T },
  waitMs: number,
  signal: AbortSignal,
): Promise<T> {
  const deadline = monotonicMs() + waitMs
  for (;;) {
    const { found, result } = look()
    const leftMs = deadline - monotonicMs()
    if (found || leftMs <= 0 || signal.aborted) return result
    await waiters.wait(leftMs, signal)
  }
}
