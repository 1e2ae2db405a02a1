/** What a peer has no means for. */
export class Cannot extends Error {}

/** The peer's method, or Cannot with the reason. */
export function need(session, method, reason) {
  if (session[method] === undefined) throw new Cannot(reason)
  return session[method].bind(session)
}

/**
 * One sample of each peer in turn, `rounds` times, so that whatever else the machine does hits all alike; who begins changes.
 * A peer that cannot, or fails, is left out of the further rounds.
 *
 * @returns for each peer's id `{ samples }`, `{ cannot }` or `{ failed }`.
 */
export async function interleave(peers, rounds, sample, onSample = () => {}) {
  const results = new Map(peers.map(({ id }) => [id, { samples: [] }]))
  for (let round = 0; round < rounds; round += 1) {
    const first = round % peers.length
    for (const peer of [...peers.slice(first), ...peers.slice(0, first)]) {
      const result = results.get(peer.id)
      if (result.samples === undefined) continue
      onSample(`${peer.id} ${round + 1}/${rounds}`)
      const outcome = await attempt(() => sample(peer, round))
      if (outcome.value === undefined) results.set(peer.id, outcome)
      else result.samples.push(outcome.value)
    }
  }
  return results
}

/** `{ value }` of what `work` gives, `{ cannot }` or `{ failed }`. */
export async function attempt(work) {
  try {
    return { value: await work() }
  } catch (error) {
    if (error instanceof Cannot) return { cannot: error.message }
    return { failed: String(error?.message ?? error).split('\n')[0] }
  }
}

/** No single piece of work takes this long (ms), so a peer that hangs costs the others nothing but this. */
const HUNG_MS = 60_000

export const unlessHung = (work) => within(HUNG_MS, 'it', work)

/** What `work` gives, or an error where that takes more than `ms`. */
export async function within(ms, what, work) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms / 1_000} s`)), ms)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Milliseconds that `work` takes. */
export async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Of samples that are objects of numbers, those under one key. */
export function split(results, key) {
  const pick = ({ samples }) => ({ samples: samples.map((sample) => sample[key]) })
  return new Map([...results].map(([id, result]) => [id, result.samples ? pick(result) : result]))
}
