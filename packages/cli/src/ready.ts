import type { Task, TaskOutput, WaitedExit } from '@bgtask/client'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { outputOf } from './output/task-output.js'

/**
 * Waits until one of the outputs matches. Resolves with undefined then, or with the task's end where that came first.
 *
 * @throws TimeoutError after `timeoutMs`.
 */
export async function waitUntilReady(
  task: Task,
  pattern: RegExp,
  { timeoutMs, signal: given }: WaitOptions,
): Promise<WaitedExit | undefined> {
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, ...(given ? [given] : [])])
  const wait = (output: TaskOutput) => output.waitFor(pattern, { timeoutMs, signal, gaps: 'skip' })
  const streams = [task.stdout, task.stderr]
  const never = new Promise<never>(() => {})
  try {
    return await Promise.race([
      // An output that ended without a match decides nothing: the other one, or the task's end, does.
      ...streams.map(async (output) => ((await wait(output)) === undefined ? never : undefined)),
      task.wait({ signal }).then(async (status) => ((await matchesNow(task, pattern)) ? undefined : status)),
    ])
  } finally {
    done.abort()
  }
}

/** The end may be told before the match that lies before it. */
async function matchesNow(task: Task, pattern: RegExp): Promise<boolean> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const pieces: Uint8Array[] = []
    for await (const piece of outputOf(task, { stream, follow: false })) if (!piece.gap) pieces.push(piece.data)
    if (pattern.test(Buffer.concat(pieces).toString())) return true
  }
  return false
}
