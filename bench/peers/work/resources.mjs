import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from '../../lib/environment.mjs'
import { cpuMsOf } from '../../lib/processes.mjs'
import { attempt, interleave, split, unlessHung } from '../lib/measure.mjs'
import { managersOf, openSession, startInTens, withSession } from '../lib/session.mjs'

const MIB = 2 ** 20

/** Memory of all that a session's manager runs, the commands left out, in MiB. */
export function memoryOfManagers(session, kind) {
  return managersOf(session).reduce((sum, pid) => sum + memoryOf(pid, kind), 0) / MIB
}

export const memory = {
  id: 'memory',
  title: 'Private and proportional memory of the managers, commands left out, 2 s after the last start',
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) => withSession(peer, (session) => memoryAtCounts(session, plan.memoryCounts))
    const results = await interleave(peers, plan.memoryRounds, sample, onSample)
    return plan.memoryCounts.flatMap((count) =>
      ['Private', 'Pss'].map((kind) => ({
        title: `${kind === 'Pss' ? 'Proportional' : 'Private'} memory of all managers with ${count} idle ${count === 1 ? 'task' : 'tasks'}`,
        unit: 'MiB',
        results: split(results, `${kind}${count}`),
      })),
    )
  },
}

async function memoryAtCounts(session, counts) {
  const found = {}
  let started = 0
  for (const count of counts) {
    await startInTens(session, count - started, started)
    started = count
    await sleep(2_000)
    for (const kind of ['Private', 'Pss']) found[`${kind}${count}`] = memoryOfManagers(session, kind)
  }
  return found
}

export const idleCpu = {
  id: 'cpu-idle',
  title: 'CPU time of idle managers',
  run: async ({ peers, plan, onSample }) => {
    const results = new Map()
    const before = new Map()
    const sessions = new Map()
    try {
      for (const peer of peers) {
        onSample(`${peer.id} starts`)
        const started = await attempt(() => openInto(sessions, peer, plan.idleTasks))
        if (started.failed) results.set(peer.id, started)
      }
      onSample(`${plan.idleSeconds} s`)
      await sleep(2_000)
      for (const [id, session] of sessions) before.set(id, cpuMsOfManagers(session))
      await sleep(plan.idleSeconds * 1_000)
      const perMinute = async (id) => ((cpuMsOfManagers(sessions.get(id)) - before.get(id)) * 60) / plan.idleSeconds
      for (const { id } of peers) {
        if (results.has(id)) continue
        const { value, failed } = await attempt(() => perMinute(id))
        results.set(id, failed ? { failed } : { samples: [value] })
      }
    } finally {
      for (const session of sessions.values()) await session.end()
    }
    const over = plan.idleSeconds === 60 ? 'over 60 s' : `over 60 s (seen over ${plan.idleSeconds} s)`
    const title = `CPU time of all managers with ${plan.idleTasks} idle tasks ${over}, side by side`
    return [{ title, unit: 'ms', results }]
  },
}

async function openInto(sessions, peer, count) {
  const session = await openSession(peer)
  sessions.set(peer.id, session)
  await unlessHung(() => startInTens(session, count))
}

const cpuMsOfManagers = (session) => managersOf(session).reduce((total, pid) => total + cpuMsOf(pid), 0)
