/** Samples over which a rate is taken: some seconds, so that bursts do not flicker. */
const SAMPLES = 4

/** How fast a counter grows, from samples of it. */
export class RateMeter {
  readonly #samples: { count: number; at: number }[] = []

  get hasTwo(): boolean {
    return this.#samples.length > 1
  }

  /** @param at ms of a steady clock. @returns units a second, undefined before there are two samples. */
  add(count: number, at: number): number | undefined {
    this.#samples.push({ count, at })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    const first = this.#samples[0]
    if (first === undefined || at <= first.at) return undefined
    return Math.round(((count - first.count) * 1_000) / (at - first.at))
  }
}
