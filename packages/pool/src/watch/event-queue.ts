import type { TaskInfo } from '@bgtask/protocol'
import { armDeadline } from '@bgtask/protocol/rpc'
import type { MetaOf } from '../meta.js'

/** What happened to one task of a watch. */
export interface PoolEvent<T> {
  /** It exists or matches now; its info changed; it is gone or no longer matches. */
  readonly type: 'appear' | 'change' | 'gone'
  readonly task: T
  readonly info: TaskInfo<MetaOf<T>>
}

/**
 * Holds the events that the consumer has not taken: at most one for each task, so that a stalled consumer costs memory for
 * each task, not for each change. It then gets the latest state without the steps in between.
 */
export class EventQueue<T> {
  readonly #pending = new Map<T, PoolEvent<T>>()
  #failure: { readonly reason: unknown } | undefined
  #wake: () => void = () => {}

  push(event: PoolEvent<T>): void {
    const before = this.#pending.get(event.task)
    const merged = before === undefined ? event : mergeEvents(before, event)
    if (merged === undefined) this.#pending.delete(event.task)
    else this.#pending.set(event.task, merged)
    this.#wake()
  }

  /** No event follows: `next` returns the queued ones, then rejects. */
  fail(reason: unknown): void {
    this.#failure ??= { reason }
    this.#wake()
  }

  /** Returns the oldest event, or waits for one. Rejects with the signal's reason. */
  async next(signal: AbortSignal | null | undefined): Promise<PoolEvent<T>> {
    for (;;) {
      signal?.throwIfAborted()
      const [event] = this.#pending.values()
      if (event !== undefined) {
        this.#pending.delete(event.task)
        return event
      }
      if (this.#failure !== undefined) throw this.#failure.reason
      await this.#woken(signal)
    }
  }

  #woken(signal: AbortSignal | null | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const disarm = armDeadline({ signal }, 'watch', reject)
      this.#wake = () => {
        disarm()
        resolve()
      }
    })
  }
}

/** Combines two successive events of a task; undefined if they cancel out. */
function mergeEvents<T>(before: PoolEvent<T>, after: PoolEvent<T>): PoolEvent<T> | undefined {
  if (after.type === 'gone') return before.type === 'appear' ? undefined : after
  return { ...after, type: before.type === 'appear' ? 'appear' : 'change' }
}
