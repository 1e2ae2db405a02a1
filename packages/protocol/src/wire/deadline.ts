import * as v from 'valibot'
import { TimeoutError } from '../errors.js'
import type { OptionsOf } from '../options.js'

export const signalSchema = v.custom<AbortSignal>(
  // Not by class: a test runner's realm has one of its own.
  (value) => typeof (value as AbortSignal | undefined)?.throwIfAborted === 'function',
  'must be an AbortSignal',
)

/** How long a call may wait. An abort rejects with the signal's reason, the end of `timeoutMs` with a TimeoutError. */
export const waitOptionsSchema = v.strictObject({
  signal: v.nullish(signalSchema),
  /** Milliseconds; undefined and Infinity wait for ever. */
  timeoutMs: v.optional(
    v.custom<number>((value) => typeof value === 'number' && value >= 0, 'must be a number of milliseconds'),
  ),
})
export type WaitOptions = OptionsOf<typeof waitOptionsSchema>

/** Node's timers overflow above this and would fire at once: 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647

/**
 * Calls `onEnd` once with the reason when the signal aborts or the time is up, unless disarmed before.
 * For a signal that has aborted already it is called at once.
 *
 * @param what names in the TimeoutError what was waited for.
 * @returns disarms; nothing is held any longer after it, or after `onEnd`.
 */
export function armDeadline(
  { signal, timeoutMs }: WaitOptions,
  what: string,
  onEnd: (reason: unknown) => void,
): () => void {
  if (signal?.aborted) {
    onEnd(signal.reason)
    return disarmNothing
  }
  let timer: NodeJS.Timeout | undefined
  const disarm = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
  const onAbort = () => {
    disarm()
    onEnd(signal?.reason)
  }
  if (timeoutMs !== undefined && timeoutMs <= MAX_TIMER_MS) {
    timer = setTimeout(() => {
      disarm()
      onEnd(new TimeoutError(timeoutMs, what))
    }, timeoutMs)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  return disarm
}

/** Bounds work of several steps: hands it one signal for all of them, which aborts with the reason to reject with. */
export async function withDeadline<T>(
  options: WaitOptions,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const disarm = armDeadline(options, what, (reason) => controller.abort(reason))
  try {
    return await work(controller.signal)
  } finally {
    disarm()
  }
}

function disarmNothing(): void {}
