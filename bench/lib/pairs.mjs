/** Middle of the numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The number below which that share of them lies. */
export function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** Middle half of the numbers, as the measure of spread. */
export function quartiles(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return [sorted[Math.floor(sorted.length / 4)], sorted[Math.floor((sorted.length * 3) / 4)]]
}

/**
 * Measures two things in turn, so that whatever else the machine does hits both alike.
 *
 * @returns medians of both, the median of the ratios within each pair (what changes from pair to pair does not touch it, as
 * it does the ratio of the medians), and its quartiles.
 */
export async function comparePairs(pairs, ours, theirs, onPair = () => {}) {
  const a = []
  const b = []
  // One of each first: caches are warm for both then.
  await ours()
  await theirs()
  for (let pair = 0; pair < pairs; pair += 1) {
    // The order changes, since the second of a pair may profit or suffer from the first.
    if (pair % 2 === 0) {
      a.push(await ours())
      b.push(await theirs())
    } else {
      b.push(await theirs())
      a.push(await ours())
    }
    onPair(pair + 1, pairs)
  }
  const ratios = a.map((value, index) => value / b[index])
  return { ours: median(a), theirs: median(b), ratio: median(ratios), ratios: quartiles(ratios), pairs }
}
