import type { Task, TaskOutput, WaitedExit } from '@bgtask/client'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { outputOf } from './output/task-output.js'

/**
 * Waits until one of the outputs matches. Resolves with undefined on a match, or with the exit status if the task ends first.
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
      // The end of one output without a match decides nothing: the other output or the task's exit does.
      ...streams.map(async (output) => ((await wait(output)) === undefined ? never : undefined)),
      task.wait({ signal }).then(async (status) => ((await matchesNow(task, pattern)) ? undefined : status)),
    ])
  } finally {
    done.abort()
  }
}

/** The exit may be reported before a match in earlier output. */
async function matchesNow(task: Task, pattern: RegExp): Promise<boolean> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const pieces: Uint8Array[] = []
    for await (const piece of outputOf(task, { stream, follow: false })) if (!piece.gap) pieces.push(piece.data)
    if (pattern.test(Buffer.concat(pieces).toString())) return true
  }
  return false
}
