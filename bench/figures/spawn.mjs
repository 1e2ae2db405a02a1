import { execFileSync } from 'node:child_process'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs } from '../lib/pairs.mjs'

/** Nothing of a library's own in it, which would make it slower than it is. */
const bareNode = async () => {
  const start = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - start
}

/** From `spawn` until `info()` says running; the task is ended outside of the measured time. */
const spawnUntilRunning = (pool, settle) => async () => {
  await settle()
  const start = performance.now()
  const task = await pool.spawn({ exec: ['sleep', '600'] })
  const { state } = await task.info()
  const took = performance.now() - start
  if (state !== 'running') throw new Error(`state is ${state}`)
  await task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  return took
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
  run: ({ pairs, onPair }) => measure(pairs, {}, async () => {}, onPair),
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
