import type { WaitedExit } from '@bgtask/client'
import { LogPrinter } from '../output/log-printer.js'
import { printJson, printMessage } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, outputOf, type Piece } from '../output/task-output.js'
import { exitCodeOfSignal, onStopSignal, type StopSignal } from '../stopping.js'
import type { LiveTarget } from '../targets.js'
import { forwardInput } from './input.js'

export interface AttachOptions {
  /** Lines of earlier output to show first; all of it by default. */
  readonly tail?: number
  /** Send each key as it is typed instead of whole lines. */
  readonly raw?: boolean
  /** Send no input. */
  readonly noInput?: boolean
  /** Close the task's stdin when our input ends, even if that is not a terminal. */
  readonly endsInput?: boolean
  /** Discard output once shown, so that a task blocked by a full buffer continues. */
  readonly discard?: boolean
  /** Show the output as `logs --json` does. */
  readonly json?: boolean
}

/**
 * Shows a task's output and forwards input to it. Resolves with the exit status when the task ends, or with undefined when
 * Ctrl-C detaches.
 */
export async function attachTo(target: LiveTarget, options: AttachOptions): Promise<WaitedExit | undefined> {
  const { task } = target
  const detached = new AbortController()
  const detach = (name: StopSignal) => detached.abort(name)
  const release = onStopSignal(detach)
  const onInterrupt = () => detach('SIGINT')
  const input = options.noInput ? undefined : forwardInput(task.stdin, { ...options, onInterrupt })
  try {
    const [status] = await Promise.all([
      task.wait({ signal: detached.signal }),
      showOutput(target, options, detached.signal),
    ])
    return status
  } catch (error) {
    if (!detached.signal.aborted) throw error
    if (options.json) await printJson({ type: 'detached', id: task.pid })
    else printMessage(`detached; task ${task.pid} is still running (reattach: bgtask attach ${task.pid})`)
    // Ctrl-C is the regular way to detach; any other signal is a request to terminate.
    if (detached.signal.reason !== 'SIGINT') process.exitCode = exitCodeOfSignal(detached.signal.reason)
    return undefined
  } finally {
    release()
    input?.end()
  }
}

/** Shows everything written before the task ended. Does not wait for a grandchild that keeps writing. */
async function showOutput(target: LiveTarget, options: AttachOptions, signal: AbortSignal): Promise<void> {
  const { task } = target
  const { tail, discard, json } = options
  const printer = new LogPrinter({ json, named: false })
  const show = async (piece: Piece | Gap) => {
    await printer.show(target, piece)
    if (discard && !piece.gap) await task[piece.stream].discard(piece.offset + piece.data.length)
  }
  let from: Piece['next']
  if (tail !== undefined) {
    const { pieces, next } = await tailOf(outputOf(task, { follow: false, signal }), tail)
    for (const piece of pieces) await show(piece)
    from = next
  }
  const ended = new AbortController()
  const exit = task.wait({ signal }).finally(() => ended.abort())
  exit.catch(() => {})
  // A blocked task may end with more in its pipes than fits into the buffer: with `discard`, read to the end of the output.
  const stopped = discard ? signal : AbortSignal.any([signal, ended.signal])
  try {
    for await (const piece of outputOf(task, { from, follow: true, signal: stopped })) {
      await show(piece)
      from = piece.next
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error
    // The task ended while we waited for more; all its output is available now.
    await exit
    for await (const piece of outputOf(task, { from, follow: false, signal })) await show(piece)
  }
}
