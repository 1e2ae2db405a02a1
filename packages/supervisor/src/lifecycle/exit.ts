import type { ExitStatus, MethodResult } from '@bgtask/protocol'
import type { Facts } from '../facts.js'

/**
 * What `waitExit` reports now: with `run` the end of that run or a later one, else the exit after which no restart is pending.
 *
 * @param before how the run before the present one ended.
 */
export function exitOf(
  facts: Readonly<Facts> & { readonly isRunning: boolean; readonly isFinal: boolean },
  before: ExitStatus | null,
  run: number | undefined,
): { found: boolean; result: MethodResult<'waitExit'> } {
  const { state, isRunning, isFinal } = facts
  const ended = isRunning ? facts.run - 1 : facts.run
  const done = run === undefined ? isFinal : ended >= run
  // While a run goes on, the last end is that of the run before.
  const exitStatus = facts.exitStatus ?? before
  return { found: done, result: { done, run: done ? ended : facts.run, state, exitStatus: done ? exitStatus : null } }
}
