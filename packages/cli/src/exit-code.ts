import type { WaitedExit } from '@bgtask/client'
import type { ExitStatus } from '@bgtask/protocol'
import { EXIT } from './errors.js'
import { exitCodeOfSignal } from './stopping.js'

/** A task's exit code by shell conventions: its own, 128 plus the signal's number, or 124 if `--timeout` ended it. */
export function exitCodeOfTask({ exitCode, signal, cause }: ExitStatus): number {
  if (cause === 'timeout') return EXIT.timeout
  if (exitCode !== null) return exitCode
  return exitCodeOfSignal(String(signal))
}

/** The fields that `--json` prints for an exit. */
export function exitFields({ run, ...exitStatus }: WaitedExit): object {
  return { run, exitStatus, code: exitCodeOfTask(exitStatus) }
}

/** Describes an exit for messages. */
export function describeEnd(status: ExitStatus): string {
  const how = status.signal === null ? `exit code ${status.exitCode}` : status.signal
  return status.cause === 'timeout' ? `${how}, timed out` : how
}
