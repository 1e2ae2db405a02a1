// What a spawn through a pool takes with each supervisor, and how long it blocks the event loop of its caller.
import { execFileSync } from 'node:child_process'
import { temporaryPool } from '../lib/environment.mjs'
import { longestTurn } from '../lib/turns.mjs'

export const poolSpawnParts = {
  id: 'pool',
  title: 'A spawn in a pool that has spawned before',
  columns: [
    'supervisor',
    'until `info()`, median (ms)',
    '× `node -e 0`',
    'longest turn of the loop, median (ms)',
    'p95 (ms)',
  ],
  async run({ rounds }) {
    const pools = Object.fromEntries(
      ['native', 'node'].map((supervisor) => [supervisor, temporaryPool({ supervisor })]),
    )
    const seen = { native: [], node: [], bare: [], idle: [] }
    try {
      // The spawner is there after the second spawn; the code is warm after some more.
      for (let count = 0; count < 5; count += 1) for (const { pool } of Object.values(pools)) await spawnOnce(pool)
      for (let round = 0; round < rounds; round += 1) {
        seen.native.push(await spawnOnce(pools.native.pool))
        seen.node.push(await spawnOnce(pools.node.pool))
        seen.bare.push({ took: bareNode() })
        // As long as a native spawn, in which nothing happens: what the machine itself takes from this process.
        seen.idle.push(await watched(() => new Promise((resolve) => setTimeout(resolve, 5))))
      }
    } finally {
      for (const { dispose } of Object.values(pools)) await dispose()
    }
    const bare = median(seen.bare.map(({ took }) => took))
    const row = (name, times) => {
      const took = median(times.map((time) => time.took))
      const turns = times.map((time) => time.longestTurn)
      return [name, took.toFixed(2), (took / bare).toFixed(2), at(turns, 0.5).toFixed(2), at(turns, 0.95).toFixed(2)]
    }
    return [
      row('native', seen.native),
      row('node', seen.node),
      ['`node -e 0`', bare.toFixed(2), '1.00', '', ''],
      row('none, a timer of 5 ms', seen.idle),
    ]
  },
}

async function spawnOnce(pool) {
  let task
  const times = await watched(async () => {
    task = await pool.spawn({ exec: ['/bin/sleep', '600'] })
    await task.info()
  })
  await task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  return times
}

/** How long (ms) the work took, and how long it blocked the loop. */
async function watched(work) {
  let took = 0
  const turn = await longestTurn(async () => {
    const began = performance.now()
    await work()
    took = performance.now() - began
  })
  return { took, longestTurn: turn }
}

function bareNode() {
  const began = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - began
}

function median(values) {
  return at(values, 0.5)
}

function at(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
