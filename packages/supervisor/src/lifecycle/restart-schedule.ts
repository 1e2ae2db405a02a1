import type { ExitStatus, RestartPolicy } from '@bgtask/protocol'
import { decideRestart, type RestartDecision } from './restart.js'

/** How a start that failed counts for the restart policy: as a run that failed immediately; 127 as in a shell. */
const START_FAILED: ExitStatus = { exitCode: 127, signal: null, cause: 'exit' }

/** Counts the restarts in a row and holds the one that is due. */
export class RestartSchedule {
  readonly #policy: RestartPolicy
  readonly #start: () => void
  #inARow = 0
  #timer: NodeJS.Timeout | undefined

  /** @param start called when a restart is due. */
  constructor(policy: RestartPolicy, start: () => void) {
    this.#policy = policy
    this.#start = start
  }

  /** Restarts since the last run that lasted `resetAfterMs`, or since the last `reset`. */
  get inARow(): number {
    return this.#inARow
  }

  /** Decides by policy what follows a run that lasted `ranMs`. A restart is then scheduled. */
  next(status: ExitStatus, ranMs: number): RestartDecision {
    const decision = decideRestart(this.#policy, status, this.#inARow, ranMs)
    if (decision.action === 'restart') {
      this.#inARow = decision.inARow
      this.#timer = setTimeout(this.#start, decision.delayMs)
    }
    return decision
  }

  /** The same after a start that failed: the command may be being replaced, so it gets its further chances. */
  nextAfterFailedStart(): RestartDecision {
    const decision = this.next(START_FAILED, 0)
    return decision.action === 'restart' ? decision : { action: 'giveUp' }
  }

  /** Drops the restart that is due. */
  cancel(): void {
    clearTimeout(this.#timer)
  }

  /** Drops the restart that is due, and counts from zero again. */
  reset(): void {
    this.cancel()
    this.#inARow = 0
  }
}
