/** What takes longer is probably hung: it goes on, but no longer counts against the limit. */
const PATIENCE_MS = 100

/**
 * Runs `work` on every item, about `limit` at a time; rejects as soon as one rejects. However many hang, the others wait no
 * longer than `PATIENCE_MS` for each `limit` of them.
 */
export async function forEachBounded<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const started: Promise<void>[] = []
  let next = 0
  const startOneByOne = async () => {
    while (next < items.length) {
      const working = work(items[next++] as T)
      started.push(working)
      await orPatience(working)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, startOneByOne))
  await Promise.all(started)
}

function orPatience(working: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, PATIENCE_MS)
    working.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
