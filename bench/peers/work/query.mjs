import { attempt, interleave, need, timed } from '../lib/measure.mjs'
import { openSession } from '../lib/session.mjs'
import { startInTens } from './resources.mjs'

export const query = {
  id: 'query',
  title: 'Query all tasks',
  run: async ({ peers, plan, onSample }) => {
    const sessions = new Map()
    try {
      for (const peer of peers) {
        onSample(`${peer.id} starts`)
        sessions.set(peer.id, await attempt(() => openWith(peer, plan.many)))
      }
      const sample = async ({ id }) => {
        const { value: session, failed } = sessions.get(id)
        if (session === undefined) throw new Error(failed)
        const ask = need(session, 'query', 'knows of no tasks')
        return timed(async () => {
          const running = await ask()
          if (running !== plan.many) throw new Error(`told of ${running} of ${plan.many}`)
        })
      }
      const results = await interleave(peers, plan.rounds * 2, sample, onSample)
      return [{ title: `Ask for the state of all ${plan.many} tasks`, unit: 'ms', results }]
    } finally {
      for (const { value } of sessions.values()) await value?.end()
    }
  },
}

async function openWith(peer, count) {
  const session = await openSession(peer)
  try {
    await startInTens(session, count)
    return session
  } catch (error) {
    await session.end()
    throw error
  }
}
