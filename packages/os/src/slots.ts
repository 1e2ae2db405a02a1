/** Bounds how much is under way at a time: the rest waits for its turn, first come, first served. */
export class Slots {
  readonly #patienceMs: number
  readonly #waiting = new Set<() => void>()
  #free: number

  /**
   * @param limit pieces of work at a time.
   * @param patienceMs what takes longer is probably hung: it goes on, but no longer counts. However many hang, the others
   * wait no longer than this for each `limit` of them.
   */
  constructor(limit: number, patienceMs: number) {
    this.#free = limit
    this.#patienceMs = patienceMs
  }

  /**
   * Starts `work` when its turn comes, and settles as it does.
   *
   * @throws the signal's reason if it aborts before; then `work` is never started.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal | null): Promise<T> {
    await this.#turn(signal)
    const leave = this.#leaver()
    const timer = setTimeout(leave, this.#patienceMs)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      leave()
    }
  }

  #turn(signal?: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.#free > 0) {
        this.#free -= 1
        return resolve()
      }
      const begin = () => {
        signal?.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        this.#waiting.delete(begin)
        reject(signal?.reason)
      }
      this.#waiting.add(begin)
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** Gives the slot to the next that waits, once. */
  #leaver(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      const [next] = this.#waiting
      if (next === undefined) this.#free += 1
      else {
        this.#waiting.delete(next)
        next()
      }
    }
  }
}
