import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { encode } from '@bgtask/protocol/rpc'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs } from '../lib/pairs.mjs'

const BARE_PAIRS = 11
const bareProgram = fileURLToPath(new URL('../lib/bare-supervisor.cjs', import.meta.url))

/** Nothing of a library's own in it, which would make it slower than it is. */
const bareNode = async () => {
  const start = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - start
}

/** From `spawn` until `info()` says running; the task is ended outside of the measured time. */
const spawnUntilRunning =
  (pool, settle, end = terminate) =>
  async () => {
    await settle()
    const start = performance.now()
    const task = await pool.spawn({ exec: ['sleep', '600'] })
    const { state } = await task.info()
    const took = performance.now() - start
    if (state !== 'running') throw new Error(`state is ${state}`)
    await end(task)
    return took
  }

const atOnce = async () => {}

const terminate = (task) => task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })

/** The ratio for a supervisor that does as little as one in Node can. */
async function bareSupervisor() {
  const { pool, dispose } = temporaryPool()
  try {
    const model = await pool.spawn({ exec: ['sleep', '600'] })
    const info = encode(await model.info()).toString('base64')
    await terminate(model)
    pool.supervisorCmd = [...pool.supervisorCmd.slice(0, -1), bareProgram]
    pool.applySupervisorEnv({ BENCH_INFO: info, BENCH_POOL: pool.path })
    const end = async (task) => {
      process.kill(task.pid, 'SIGTERM')
      while (existsSync(`/proc/${task.pid}`)) await delay(5)
      rmSync(pool.socketPath(task.pid), { force: true })
    }
    const { ratio } = await comparePairs(BARE_PAIRS, spawnUntilRunning(pool, atOnce, end), bareNode)
    return ratio
  } finally {
    await dispose()
  }
}

async function measure(pairs, options, settle, onPair) {
  const { pool, dispose } = temporaryPool(options)
  try {
    const { ours, theirs, ratio, ratios } = await comparePairs(pairs, spawnUntilRunning(pool, settle), bareNode, onPair)
    return { value: ratio, spread: ratios, detail: `${ours.toFixed(1)} ms, node -e 0: ${theirs.toFixed(1)} ms` }
  } finally {
    await dispose()
  }
}

export const coldSpawn = {
  id: 'spawn-cold',
  title: 'spawn, cold, until info() says running, against `node -e 0`',
  unit: '×',
  atMost: 1.5,
  run: async ({ pairs, onPair }) => {
    const result = await measure(pairs, {}, atOnce, onPair)
    const least = await bareSupervisor()
    return { ...result, detail: `${result.detail}, a supervisor that keeps nothing: ${least.toFixed(2)} ×` }
  },
}

export const standbySpawn = {
  id: 'spawn-standby',
  title: 'spawn with a standby, until info() says running, against `node -e 0`',
  unit: '×',
  atMost: 0.2,
  // A standby is refilled off the caller's path: it is given the time that a caller takes between two spawns.
  run: ({ pairs, onPair }) =>
    measure(pairs, { standby: 1 }, () => new Promise((resolve) => setTimeout(resolve, 400)), onPair),
}
