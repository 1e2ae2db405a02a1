import { temporaryPool } from '../lib/environment.mjs'
import { percentile, quartiles } from '../lib/pairs.mjs'
import { longestTurn } from '../lib/turns.mjs'

const SPAWNS = 200
const SPAWNS_BEFORE = 20

const DOUBLES_PER_ARRAY = 1024 * 1024
const ARRAYS_PER_GIB = 128

const blockedSpawn = (id, heap, gibibytes) => ({
  id,
  title: `the longest turn of the caller's event loop during a spawn, p95, with ${heap}`,
  unit: 'ms',
  atMost: 0.3,
  run: async ({ supervisor, quick }) => {
    const ballast = Array.from({ length: gibibytes * ARRAYS_PER_GIB }, fill)
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      for (let count = 0; count < SPAWNS_BEFORE; count += 1) await spawnOnce(pool)
      const turns = []
      const idle = []
      for (let count = 0; count < (quick ? SPAWNS / 10 : SPAWNS); count += 1) {
        turns.push(await spawnOnce(pool))
        // As long as a spawn, in which nothing happens: what the machine itself takes from this process.
        idle.push(await longestTurn(() => new Promise((resolve) => setTimeout(resolve, 5))))
      }
      const [middle, machine] = [percentile(turns, 0.5), percentile(idle, 0.95)].map((ms) => ms.toFixed(2))
      const detail = `median ${middle} ms; p95 of a loop that waits for a timer of 5 ms: ${machine} ms`
      return { value: percentile(turns, 0.95), spread: quartiles(turns), detail }
    } finally {
      // Not before: what is not used any more is not kept.
      ballast.length = 0
      await dispose()
    }
  },
})

export const blockedByASpawn = blockedSpawn('spawn-blocked', 'a small heap', 0)

export const blockedWithALargeHeap = blockedSpawn('spawn-blocked-1gib', 'a heap of 1 GiB', 1)

async function spawnOnce(pool) {
  let task
  const turn = await longestTurn(async () => {
    task = await pool.spawn({ exec: ['/bin/sleep', '600'] })
    await task.info()
  })
  await task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  return turn
}

const fill = (_, index) => new Array(DOUBLES_PER_ARRAY).fill(index + 0.5)
