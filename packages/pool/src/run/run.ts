import type { Task, WaitedExit } from '@bgtask/client'
import { isBgTaskError, RunError, type RunProblem } from '@bgtask/protocol'
import { HeldOutput, TooMuchOutput } from './held-output.js'
import type { ParsedRun, RunResult } from './run-options.js'

/** What of a failed command's stderr its error's message holds. */
const MAX_MESSAGE_CHARS = 2_000

/**
 * Waits for a task's end and holds what it writes. If that fails, the task is stopped.
 *
 * @param command names the task in messages.
 * @throws RunError, OutputGapError, TaskGoneError, the signal's reason.
 */
export async function runToEnd<T extends Task<object>>(
  task: T,
  command: string,
  { input, maxBytes, reject }: ParsedRun,
  signal: AbortSignal | null | undefined,
): Promise<RunResult<T>> {
  const stdout = new HeldOutput(task.stdout, maxBytes)
  const stderr = new HeldOutput(task.stderr, maxBytes)
  const finish = (reason: RunProblem, { exitCode, signal }: Pick<WaitedExit, 'exitCode' | 'signal'>) => {
    const result = { exitCode, signal, stdout: stdout.text, stderr: stderr.text, task }
    if (!reject || (reason === 'exit' && exitCode === 0)) return result
    throw new RunError(failure(command, reason, result), { ...result, reason })
  }
  const failed = new AbortController()
  const ended = signal == null ? failed.signal : AbortSignal.any([signal, failed.signal])
  let exit: WaitedExit
  try {
    const working = [stdout.fill(ended), stderr.fill(ended), give(task, input, ended)]
    ;[exit] = await Promise.all([task.wait({ signal: ended }), ...working])
  } catch (error) {
    failed.abort(error)
    if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) throw error
    const { exitStatus } = await task.stop()
    if (!(error instanceof TooMuchOutput)) throw error
    return finish('max-bytes', exitStatus ?? { exitCode: null, signal: null })
  }
  return finish(exit.cause, exit)
}

/** Commands need not read all of their input. */
async function give(task: Task<object>, input: ParsedRun['input'], signal: AbortSignal): Promise<void> {
  if (input === undefined) return
  try {
    await task.stdin.write(input, { signal })
    await task.stdin.close({ signal })
  } catch (error) {
    const hasEnded = isBgTaskError(error, 'ERR_BGTASK_STDIN_CLOSED') || isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')
    if (!hasEnded) throw error
  }
}

function failure(
  command: string,
  reason: RunProblem,
  { exitCode, signal, stderr }: Pick<RunResult<unknown>, 'exitCode' | 'signal' | 'stderr'>,
): string {
  const how = signal === null ? `exit code ${exitCode}` : signal
  const why = {
    exit: '',
    signal: '',
    timeout: 'timed out, ',
    stopped: 'was stopped, ',
    'max-bytes': 'wrote too much, ',
  }
  const words = stderr === '' ? '' : `\n${stderr.slice(-MAX_MESSAGE_CHARS)}`
  return `command failed (${why[reason]}${how}): ${command}${words}`
}
