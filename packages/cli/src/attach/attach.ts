import type { WaitedExit } from '@bgtask/client'
import { LogPrinter } from '../output/log-printer.js'
import { printJson, tell } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, outputOf, type Piece } from '../output/task-output.js'
import { codeOfSignal, onStopping, type StoppingSignal } from '../stopping.js'
import type { LiveTarget } from '../targets.js'
import { forwardInput } from './input.js'

export interface AttachOptions {
  /** Lines of earlier output to show first; all of it where left out. */
  readonly tail?: number
  /** Send keys as they are typed, instead of whole lines. */
  readonly raw?: boolean
  /** Send no input. */
  readonly noInput?: boolean
  /** The end of our input ends the task's also where it is no terminal. */
  readonly endsInput?: boolean
  /** Forget what was shown, so that a task that waits for room goes on. */
  readonly discard?: boolean
  /** Show the output as `logs --json` does. */
  readonly json?: boolean
}

/**
 * Shows a task's output and sends it what is typed, until it ends (resolves with how) or Ctrl-C detaches (undefined).
 */
export async function attachTo(target: LiveTarget, options: AttachOptions): Promise<WaitedExit | undefined> {
  const { task } = target
  const detached = new AbortController()
  const detach = (name: StoppingSignal) => detached.abort(name)
  const release = onStopping(detach)
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
    else tell(`detached; task ${task.pid} goes on (bgtask attach ${task.pid} comes back to it)`)
    // Ctrl-C is how one leaves; at any other signal something else wanted us to end.
    if (detached.signal.reason !== 'SIGINT') process.exitCode = codeOfSignal(detached.signal.reason)
    return undefined
  } finally {
    release()
    input?.end()
  }
}

/** Everything that was written before the end of the task; a grandchild that writes on is not waited for. */
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
  const over = task.wait({ signal }).finally(() => ended.abort())
  over.catch(() => {})
  // A task that waits for room may have ended with more in its pipes than there was room for: then to the output's end.
  const stopped = discard ? signal : AbortSignal.any([signal, ended.signal])
  try {
    for await (const piece of outputOf(task, { from, follow: true, signal: stopped })) {
      await show(piece)
      from = piece.next
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error
    // It ended while we waited for more: whatever it wrote is there now.
    await over
    for await (const piece of outputOf(task, { from, follow: false, signal })) await show(piece)
  }
}
