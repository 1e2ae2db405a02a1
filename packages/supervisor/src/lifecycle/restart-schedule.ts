import type { ExitStatus, RestartPolicy } from '@bgtask/protocol'
import { decideRestart, type RestartDecision } from './restart.js'

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
