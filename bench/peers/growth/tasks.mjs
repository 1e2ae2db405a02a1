import { median } from '../../lib/pairs.mjs'
import { attempt, timed } from '../lib/measure.mjs'
import { idle, openSession } from '../lib/session.mjs'
import { memoryOfManagers, startInTens } from '../work/resources.mjs'

/** Spawn time, memory and search time of every peer against the number of its tasks. */
export const growthWithTasks = {
  id: 'growth-tasks',
  title: 'Growth with the number of tasks',
  run: async ({ peers, plan, onSample }) => {
    const sessions = new Map()
    const points = { spawn: [], memory: [], search: [] }
    try {
      for (const count of plan.growthCounts) {
        for (const peer of peers) {
          onSample(`${peer.id} ${count}`)
          const outcome = await attempt(async () => {
            if (!sessions.has(peer.id)) sessions.set(peer.id, await openSession(peer))
            return await measureAt(sessions.get(peer.id), count, plan.growthSamples)
          })
          for (const [name, y] of Object.entries(outcome.value ?? {})) {
            if (y !== undefined) points[name].push({ series: peer.title, x: count, y })
          }
          if (outcome.failed) process.stderr.write(`\n${peer.id} with ${count} tasks: ${outcome.failed}\n`)
        }
      }
    } finally {
      for (const session of sessions.values()) await session.end()
    }
    const x = 'tasks'
    return [
      {
        file: 'spawn-time',
        title: 'Time of one more start (no standby, managers warm)',
        x,
        y: 'ms',
        points: points.spawn,
      },
      { file: 'memory', title: 'Proportional memory of all managers', x, y: 'MiB', points: points.memory },
      { file: 'search-time', title: 'Time to find one task by its name', x, y: 'ms', points: points.search },
    ]
  },
}

/** Fills up to `count`, the last few one by one. */
async function measureAt(session, count, samples) {
  const present = session.present ?? 0
  const single = Math.min(samples, count - present)
  await startInTens(session, count - present - single, present)
  const times = []
  for (const command of idle(single, count - single)) times.push(await timed(() => session.start(command)))
  session.present = count
  return { spawn: median(times), memory: memoryOfManagers(session, 'Pss'), search: await searchTime(session, samples) }
}

async function searchTime(session, samples) {
  if (session.search === undefined) return undefined
  const times = []
  for (let index = 0; index < samples; index += 1) {
    const took = await timed(async () => {
      const found = await session.search('idle0')
      if (found !== 1) throw new Error(`search found ${found}`)
    })
    times.push(took)
  }
  return median(times)
}
