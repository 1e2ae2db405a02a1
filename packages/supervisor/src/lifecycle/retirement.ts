import { monotonicMs } from '@bgtask/os'

/** How soon a retirement that failed is tried again. */
const RETRY_MS = 5_000

/** Decides when a supervisor whose task is over retires. */
export class Retirement {
  readonly #lingerMs: number | null
  readonly #isReady: () => boolean
  readonly #retire: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #endedMs = 0

  /**
   * @param isReady whether nothing of the task runs, is pending or is to come.
   * @param retire does not return if it succeeds.
   */
  constructor(lingerMs: number | null, isReady: () => boolean, retire: () => Promise<void>) {
    this.#lingerMs = lingerMs
    this.#isReady = isReady
    this.#retire = retire
  }

  /** A run has ended. */
  noteEnd(): void {
    this.#endedMs = monotonicMs()
  }

  /** Something has changed that it depends on. */
  consider(): void {
    if (this.#lingerMs === null || this.#timer !== undefined || !this.#isReady()) return
    this.#wait(Math.max(0, this.#endedMs + this.#lingerMs - monotonicMs()))
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => void this.#try(), ms)
  }

  async #try(): Promise<void> {
    if (this.#isReady()) await this.#retire()
    this.#timer = undefined
    // A run in between counts from its own end; otherwise it could not be recorded.
    if (this.#isReady()) this.#wait(Math.max(RETRY_MS, this.#endedMs + (this.#lingerMs ?? 0) - monotonicMs()))
  }
}
