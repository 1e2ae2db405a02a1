import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { bgtask, node } from '../lib/commands.mjs'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs, median } from '../lib/pairs.mjs'

const MANY = 500
const firstSpawnProgram = join(import.meta.dirname, '../lib/first-spawn.mjs')

/** The spawner is there after the second spawn, and the code is compiled after some more. */
const SPAWNS_BEFORE = 5

/** From `spawn` until `info()` says running; the task is ended outside of the measured time. */
const spawnUntilRunning =
  (pool, settle = async () => {}) =>
  async () => {
    await settle()
    const start = performance.now()
    const task = await pool.spawn({ exec: ['sleep', '600'] })
    const { state } = await task.info()
    const took = performance.now() - start
    if (state !== 'running') throw new Error(`state is ${state}`)
    await terminate(task)
    return took
  }

const terminate = (task) => task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })

/** Against `node -e 0`, with nothing of a library's own in it, which would make it slower than it is. */
async function compareWithNode(pairs, ours, onPair) {
  const result = await comparePairs(pairs, ours, node(['-e', '0']), onPair)
  const detail = `${result.ours.toFixed(1)} ms, node -e 0: ${result.theirs.toFixed(1)} ms`
  return { value: result.ratio, spread: result.ratios, detail }
}

export const spawn = {
  id: 'spawn',
  title: 'spawn until info() says running, in a pool that has spawned before, against `node -e 0`',
  unit: '×',
  atMost: 0.2,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      for (let count = 0; count < SPAWNS_BEFORE; count += 1) await spawnUntilRunning(pool)()
      return await compareWithNode(pairs, spawnUntilRunning(pool), onPair)
    } finally {
      await dispose()
    }
  },
}

export const firstSpawn = {
  id: 'spawn-first',
  title: 'the first spawn of a fresh process, until info() says running, against `node -e 0`',
  unit: '×',
  atMost: 0.6,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    const loads = []
    const spawnFirst = async () => {
      const text = execFileSync(process.execPath, [firstSpawnProgram, pool.path, supervisor], { encoding: 'utf8' })
      const { pid, load, spawn } = JSON.parse(text)
      loads.push(load)
      await terminate(await pool.taskByPid(pid))
      return spawn
    }
    try {
      const result = await compareWithNode(pairs, spawnFirst, onPair)
      return { ...result, detail: `${result.detail}, to load the library before: ${median(loads).toFixed(1)} ms` }
    } finally {
      await dispose()
    }
  },
}

export const runCommand = {
  id: 'run',
  title: '`bgtask run` as a whole, against `node -e 0`',
  unit: '×',
  atMost: 1.6,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    const env = { ...process.env, BGTASK_TASKPOOL_PATH: pool.path, BGTASK_SUPERVISOR: supervisor }
    const run = bgtask(['run', '--', 'sleep', '600'], env)
    const runOnce = async () => {
      const took = await run()
      for (const task of await pool.search()) await terminate(task)
      return took
    }
    try {
      return await compareWithNode(pairs, runOnce, onPair)
    } finally {
      await dispose()
    }
  },
}

export const standbySpawn = {
  id: 'spawn-standby',
  title: 'spawn with a standby, until info() says running, against `node -e 0`',
  unit: '×',
  atMost: 0.2,
  supervisors: ['node'],
  // A standby is refilled off the caller's path: it is given the time that a caller takes between two spawns.
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, dispose } = temporaryPool({ supervisor, standby: 1 })
    const settle = () => new Promise((resolve) => setTimeout(resolve, 400))
    try {
      return await compareWithNode(pairs, spawnUntilRunning(pool, settle), onPair)
    } finally {
      await dispose()
    }
  },
}

export const manySpawns = {
  id: 'spawn-many',
  title: `of ${MANY} spawns at once, those that succeed within the default deadline`,
  unit: 'tasks',
  atLeast: MANY,
  run: async ({ supervisor }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      const start = performance.now()
      const spawns = Array.from({ length: MANY }, () => pool.spawn({ exec: ['sleep', '600'] }))
      const outcomes = await Promise.allSettled(spawns)
      const took = performance.now() - start
      const [failed] = outcomes.filter(({ status }) => status === 'rejected')
      const detail = `${(took / 1_000).toFixed(2)} s${failed === undefined ? '' : `, ${failed.reason.message}`}`
      return { value: outcomes.filter(({ status }) => status === 'fulfilled').length, detail }
    } finally {
      await dispose()
    }
  },
}
