import { median } from '../../lib/pairs.mjs'
import { attempt, timed, unlessHung } from '../lib/measure.mjs'
import { idle, openSession, startInTens } from '../lib/session.mjs'
import { memoryOfManagers } from '../work/resources.mjs'

/** Spawn time, memory and search time of every peer against the number of its tasks. */
export const growthWithTasks = {
  id: 'growth-tasks',
  title: 'Growth of spawn time, memory and search time with the number of tasks',
  run: async ({ peers, plan, onSample }) => {
    const sessions = new Map()
    const failures = new Map()
    const points = { spawn: [], memory: [], search: [] }
    const measure = async (peer, count) => {
      if (!sessions.has(peer.id)) sessions.set(peer.id, await openWarm(peer))
      return unlessHung(() => measureAt(sessions.get(peer.id), count, plan.growthSamples))
    }
    try {
      for (const count of plan.growthCounts) {
        for (const peer of peers.filter(({ id }) => !failures.has(id))) {
          onSample(`${peer.id} ${count}`)
          const { value = {}, failed } = await attempt(() => measure(peer, count))
          if (failed) failures.set(peer.id, `${peer.title} failed at ${count} tasks: ${failed}`)
          for (const [name, y] of Object.entries(value)) {
            if (y !== undefined) points[name].push({ series: peer.title, x: count, y })
          }
        }
      }
    } finally {
      for (const session of sessions.values()) await session.end()
    }
    const searching = new Set(points.search.map(({ series }) => series))
    const without = peers.map(({ title }) => title).filter((title) => !searching.has(title))
    const common = { x: 'tasks', notes: [...failures.values()] }
    return [
      {
        ...common,
        file: 'spawn-time',
        title: 'Time of one more start (nothing made ahead, managers of many run)',
        y: 'ms',
        points: points.spawn,
      },
      {
        ...common,
        file: 'memory',
        title: 'Proportional memory of all managers, commands left out',
        y: 'MiB',
        points: points.memory,
      },
      {
        ...common,
        file: 'search-time',
        title: 'Time to find one task by its name',
        y: 'ms',
        points: points.search,
        notes: [...common.notes, ...without.map((title) => `${title} cannot: it knows of no tasks`)],
      },
    ]
  },
}

async function openWarm(peer) {
  const session = await openSession(peer)
  await session.warm?.()
  return session
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
