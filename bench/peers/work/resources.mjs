import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from '../../lib/environment.mjs'
import { attempt, interleave, split } from '../lib/measure.mjs'
import { cpuMsOf, managersOf } from '../lib/processes.mjs'
import { idle, openSession, startMany, withSession } from '../lib/session.mjs'

const MIB = 2 ** 20

/** Memory of all that a session's manager runs, the commands left out, in MiB. */
export function memoryOfManagers({ mark }, kind) {
  return managersOf(mark).reduce((sum, pid) => sum + memoryOf(pid, kind), 0) / MIB
}

export const memory = {
  id: 'memory',
  title: 'Memory of the managers, commands left out',
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
    await sleep(1_000)
    for (const kind of ['Private', 'Pss']) found[`${kind}${count}`] = memoryOfManagers(session, kind)
  }
  return found
}

/** Ten at a time, for it is not the start that is measured. */
export async function startInTens(session, count, from = 0) {
  for (let index = 0; index < count; index += 10) {
    await startMany(session, idle(Math.min(10, count - index), from + index))
  }
}

export const idleCpu = {
  id: 'cpu-idle',
  title: 'CPU time of idle managers',
  run: async ({ peers, plan, onSample }) => {
    const results = new Map()
    const sessions = new Map()
    try {
      for (const peer of peers) {
        onSample(`${peer.id} starts`)
        const started = await attempt(async () => {
          const session = await openSession(peer)
          sessions.set(peer.id, session)
          await startInTens(session, plan.idleTasks)
          return session
        })
        if (started.value === undefined) results.set(peer.id, started)
      }
      onSample(`${plan.idleSeconds} s`)
      await sleep(2_000)
      const before = cpuOfAll(sessions)
      await sleep(plan.idleSeconds * 1_000)
      const after = cpuOfAll(sessions)
      for (const peer of peers) {
        if (results.has(peer.id)) continue
        results.set(peer.id, { samples: [((after.get(peer.id) - before.get(peer.id)) * 60) / plan.idleSeconds] })
      }
    } finally {
      for (const session of sessions.values()) await session.end()
    }
    const over = plan.idleSeconds === 60 ? 'over 60 s' : `over 60 s (seen over ${plan.idleSeconds} s)`
    return [
      {
        title: `CPU time of all managers with ${plan.idleTasks} idle tasks ${over}, side by side`,
        unit: 'ms',
        results,
      },
    ]
  },
}

function cpuOfAll(sessions) {
  const sum = ({ mark }) => managersOf(mark).reduce((total, pid) => total + cpuMsOf(pid), 0)
  return new Map([...sessions].map(([id, session]) => [id, sum(session)]))
}
