/** Random numbers that a seed decides (mulberry32), and choices by them. */
export function makeRandom(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  /** From `low` to `high`, both included. */
  const integer = (low, high) => low + Math.floor(next() * (high - low + 1))
  const pick = (list) => list[integer(0, list.length - 1)]
  const chance = (probability) => next() < probability
  /** A name, by its weight. */
  const weighted = (weights) => pick(Object.keys(weights).flatMap((name) => Array(weights[name]).fill(name)))
  return { integer, pick, chance, weighted }
}
