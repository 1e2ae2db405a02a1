import { temporaryPool } from '../lib/environment.mjs'
import { median, quartiles } from '../lib/pairs.mjs'

const TASKS = 100

async function withTasks(supervisor, use) {
  const { pool, dispose } = temporaryPool({ supervisor })
  try {
    for (let index = 0; index < TASKS; index += 4) {
      const some = [0, 1, 2, 3].map((more) => pool.spawn({ exec: ['sleep', '600'], meta: { number: index + more } }))
      for (const task of await Promise.all(some)) task.disconnect()
    }
    return await use(pool)
  } finally {
    await dispose()
  }
}

async function time(rounds, work) {
  const times = []
  for (let round = 0; round <= rounds; round += 1) {
    const start = performance.now()
    await work()
    if (round > 0) times.push(performance.now() - start)
  }
  return times
}

export const searchByMeta = {
  id: 'search-meta',
  title: `search by meta over ${TASKS} live tasks`,
  unit: 'ms',
  atMost: 10,
  run: ({ supervisor, pairs }) =>
    withTasks(supervisor, async (pool) => {
      const times = await time(pairs, async () => {
        const found = await pool.search({ meta: { number: 42 } })
        if (found.length !== 1) throw new Error(`found ${found.length} tasks`)
      })
      return { value: median(times), spread: quartiles(times) }
    }),
}

export const searchByPredicate = {
  id: 'search-predicate',
  title: `search by predicate over ${TASKS} tasks, fresh connections, per task`,
  unit: 'ms',
  atMost: 0.4,
  run: ({ supervisor, pairs }) =>
    withTasks(supervisor, async (pool) => {
      const times = await time(pairs, async () => {
        const found = await pool.search((info) => info.clientCount > 0)
        if (found.length !== TASKS) throw new Error(`found ${found.length} tasks`)
      })
      const perTask = times.map((ms) => ms / TASKS)
      return { value: median(perTask), spread: quartiles(perTask) }
    }),
}
