import type { WaitedExit } from '@bgtask/client'
import type { ExitStatus } from '@bgtask/protocol'
import { EXIT } from './errors.js'
import { codeOfSignal } from './stopping.js'

/** A task's end as a shell tells it: its own code, 128 and the signal's number, or 124 where `--timeout` ended it. */
export function exitCodeOfTask({ exitCode, signal, cause }: ExitStatus): number {
  if (cause === 'timeout') return EXIT.timeout
  if (exitCode !== null) return exitCode
  return codeOfSignal(String(signal))
}

/** An end as `--json` tells it. */
export function exitFacts({ run, ...exitStatus }: WaitedExit): object {
  return { run, exitStatus, code: exitCodeOfTask(exitStatus) }
}

/** In words, for messages. */
export function describeEnd(status: ExitStatus): string {
  const how = status.signal === null ? `exit code ${status.exitCode}` : status.signal
  return status.cause === 'timeout' ? `${how}, time limit` : how
}
