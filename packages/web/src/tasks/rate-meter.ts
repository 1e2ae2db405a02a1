/** Number of samples for a rate: they cover several seconds, so that bursts do not flicker. */
const SAMPLES = 4

/** Computes the growth rate of a counter from samples. */
export class RateMeter {
  readonly #samples: { count: number; at: number }[] = []

  get hasTwo(): boolean {
    return this.#samples.length > 1
  }

  /** @param at ms of a monotonic clock. @returns units per second; undefined before the second sample. */
  add(count: number, at: number): number | undefined {
    this.#samples.push({ count, at })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    const first = this.#samples[0]
    if (first === undefined || at <= first.at) return undefined
    return Math.round(((count - first.count) * 1_000) / (at - first.at))
  }
}
