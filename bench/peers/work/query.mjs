import { attempt, interleave, need, split, timed, unlessHung } from '../lib/measure.mjs'
import { openSession, startInTens } from '../lib/session.mjs'

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
      const askAll = async ({ id }, method) => {
        const { value: session, failed } = sessions.get(id)
        if (session === undefined) throw new Error(failed)
        const ask = need(session, session[method] ? method : 'query', 'knows of no tasks')
        return timed(async () => {
          const running = await unlessHung(ask)
          if (running !== plan.many) throw new Error(`reported ${running} of ${plan.many}`)
        })
      }
      const sample = async (peer) => ({
        query: await askAll(peer, 'query'),
        queryEach: await askAll(peer, 'queryEach'),
      })
      const results = await interleave(peers, plan.rounds * 2, sample, onSample)
      const title = `Ask for the state of all ${plan.many} tasks`
      return [
        { title: `${title} (bgtask: by their records)`, unit: 'ms', results: split(results, 'query') },
        {
          title: `${title} (bgtask: each supervisor, over a fresh connection)`,
          unit: 'ms',
          results: split(results, 'queryEach'),
        },
      ]
    } finally {
      for (const { value } of sessions.values()) await value?.end()
    }
  },
}

async function openWith(peer, count) {
  const session = await openSession(peer)
  try {
    await unlessHung(() => startInTens(session, count))
    return session
  } catch (error) {
    await session.end()
    throw error
  }
}
