import { setTimeout as sleep } from 'node:timers/promises'
import { Cannot, interleave, timed } from '../lib/measure.mjs'
import { idle, startMany, withSession } from '../lib/session.mjs'

const COMMAND = idle(1)[0]

export const spawnCold = {
  id: 'spawn-cold',
  title: 'Start one detached command until it can be controlled, nothing running before',
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) => withSession(peer, (session) => timed(() => session.start(COMMAND)))
    return [{ title: spawnCold.title, unit: 'ms', results: await interleave(peers, plan.rounds, sample, onSample) }]
  },
}

export const spawnWarm = {
  id: 'spawn-warm',
  title: 'The same, warm',
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) => {
      if (peer.warmMeans === undefined) throw new Cannot('has nothing that could be warm')
      return withSession(peer, startWarm, { isWarm: true })
    }
    const means = peers.filter((peer) => peer.warmMeans).map((peer) => `${peer.id}: ${peer.warmMeans}`)
    const title = `${spawnWarm.title} (${means.join(', ')})`
    return [{ title, unit: 'ms', results: await interleave(peers, plan.rounds, sample, onSample) }]
  },
}

/** The second start, after a pause: whatever is made ahead of it is there then. */
async function startWarm(session) {
  await session.warm?.()
  await session.start({ ...COMMAND, name: 'first' })
  await sleep(500)
  return timed(() => session.start(COMMAND))
}

export const spawnMany = {
  id: 'spawn-many',
  title: 'Start many at once until all can be controlled',
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) =>
      withSession(peer, async (session) => {
        await session.warm?.()
        return timed(() => startMany(session, idle(plan.many)))
      })
    const title = `Start ${plan.many} at once until all can be controlled (nothing made ahead, but managers of many run)`
    return [{ title, unit: 'ms', results: await interleave(peers, plan.heavyRounds, sample, onSample) }]
  },
}
