import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endAll, processesWith } from '../../lib/processes.mjs'
import { interleave, need, split, timed } from '../lib/measure.mjs'
import { withSession } from '../lib/session.mjs'
import { until } from '../lib/until.mjs'

const tree = fileURLToPath(new URL('../fixtures/tree.sh', import.meta.url))
const TREE = 'BENCH_TREE'
const SIZE = 7

export const stopTree = {
  id: 'stop',
  title: `Stop a tree of ${SIZE} processes`,
  run: async ({ peers, plan, onSample }) => {
    const results = await interleave(peers, plan.rounds, (peer) => withSession(peer, stopOnce), onSample)
    return [
      { title: `${stopTree.title}: processes that survive`, unit: '', results: split(results, 'survivors') },
      { title: `${stopTree.title}: time until it is reported as stopped`, unit: 'ms', results: split(results, 'ms') },
    ]
  },
}

async function stopOnce(session) {
  const stop = need(session, 'stop', 'has no stop')
  const mark = randomBytes(8).toString('hex')
  try {
    const task = await session.start({ name: 'tree', argv: ['sh', tree, mark] })
    await until(() => processesWith(TREE, mark).length === SIZE, `a tree of ${SIZE}`)
    const ms = await timed(() => stop(task))
    // What was signalled last may need a moment.
    await sleep(200)
    return { ms, survivors: processesWith(TREE, mark).length }
  } finally {
    await endAll(TREE, mark)
  }
}
