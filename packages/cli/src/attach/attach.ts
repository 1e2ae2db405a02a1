import type { Task, WaitedExit } from '@bgtask/client'
import { tell, write } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, outputOf, type Piece } from '../output/task-output.js'
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
}

/**
 * Shows a task's output and sends it what is typed, until it ends (resolves with how) or Ctrl-C detaches (undefined).
 */
export async function attachTo(task: Task, options: AttachOptions): Promise<WaitedExit | undefined> {
  const detached = new AbortController()
  const detach = () => detached.abort()
  process.on('SIGINT', detach)
  const input = options.noInput ? undefined : forwardInput(task.stdin, { ...options, onInterrupt: detach })
  try {
    const [status] = await Promise.all([
      task.wait({ signal: detached.signal }),
      showOutput(task, options, detached.signal),
    ])
    return status
  } catch (error) {
    if (!detached.signal.aborted) throw error
    tell(`detached; task ${task.pid} goes on (bgtask attach ${task.pid} comes back to it)`)
    return undefined
  } finally {
    process.off('SIGINT', detach)
    input?.end()
  }
}

/** Everything that was written before the end of the task; a grandchild that writes on is not waited for. */
async function showOutput(task: Task, { tail, discard }: AttachOptions, signal: AbortSignal): Promise<void> {
  const show = async (piece: Piece | Gap) => {
    if (piece.gap) return tell(`bytes ${piece.from} to ${piece.to} of ${piece.stream} are no longer kept`)
    await write(piece.stream, piece.data)
    if (discard) await task[piece.stream].discard(piece.offset + piece.data.length)
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
