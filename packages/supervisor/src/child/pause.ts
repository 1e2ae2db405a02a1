import { monotonicMs } from '@bgtask/os'
import { isStopped, type Run } from './child-run.js'

/** One poll each ms: on a busy machine a child takes that long to stop; one that ignores SIGTSTP delays the reply so long. */
const POLLS = 100

/** A check costs as much as the rest of `getInfo`; a caller in a tight loop sees the SIGSTOP of another process this late. */
const MIN_INTERVAL_MS = 10

const PAUSING = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT'])

/** Detects that a child was stopped or continued, by a signal of the supervisor or of another process. */
export class PauseDetector {
  readonly #current: () => Run | undefined
  readonly #onCheck: (stopped: boolean) => void
  /** When (`monotonicMs`) the child was last checked. */
  #checkedAt = Number.NEGATIVE_INFINITY

  /**
   * @param current the run whose child lives.
   * @param onCheck gets the result of each check.
   */
  constructor(current: () => Run | undefined, onCheck: (stopped: boolean) => void) {
    this.#current = current
    this.#onCheck = onCheck
  }

  /** Checks, unless the last check is recent. */
  checkIfDue(): void {
    if (monotonicMs() - this.#checkedAt >= MIN_INTERVAL_MS) this.#check()
  }

  /** Checks after a signal that may have stopped or continued the child, which takes effect a moment after it was sent. */
  async checkAfter(killSignal: NodeJS.Signals): Promise<void> {
    if (!PAUSING.has(killSignal)) return
    const expected = killSignal !== 'SIGCONT'
    for (let polls = 0; polls < POLLS; polls += 1) {
      const run = this.#current()
      if (run === undefined || isStopped(run) === expected) break
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    this.#check()
  }

  #check(): void {
    this.#checkedAt = monotonicMs()
    const run = this.#current()
    if (run !== undefined) this.#onCheck(isStopped(run))
  }
}
