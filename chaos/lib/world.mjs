import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { signalProcess } from '@bgtask/os'
import { taskOptions } from './plan.mjs'
import { descriptorsOf, RUN_VARIABLE, runProcesses } from './processes.mjs'
import { makePool } from './supervisors.mjs'
import { until } from './until.mjs'

/** Who takes part at once: enough to be a crowd, few enough for a small machine. */
const CROWD = { callers: 3, clients: 3, supervisors: 30 }
/** The same on each of two sides. */
const HALF_CROWD = { callers: 2, clients: 2, supervisors: 15 }

/** Where a run takes place: a directory for a pool, lock files, the journal and what readers received. */
export function makeDirectory() {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'bgc-')))
  for (const name of ['tmp', 'received', 'pool']) mkdirSync(join(directory, name), { mode: 0o700 })
  process.env[RUN_VARIABLE] = randomBytes(8).toString('hex')
  process.env.CHAOS_PYTHON = realPython()
  process.env.CHAOS_JOURNAL = join(directory, 'journal')
  process.env.CHAOS_NOTHING = join(directory, 'nothing')
  // What standbys try out there when they are killed is not the pool's.
  process.env.TMPDIR = join(directory, 'tmp')
  writeFileSync(process.env.CHAOS_JOURNAL, '')
  spawnSync('mkfifo', [process.env.CHAOS_NOTHING])
  return directory
}

/**
 * What one side sees of it.
 *
 * @param side `a` or `b` of two pid namespaces, or nothing.
 * @param meet waits for the other side.
 */
export function makeWorld(directory, { side = '', meet = async () => {} } = {}) {
  process.env.CHAOS_SIDE = side
  process.env.CHAOS_ESCAPED = join(directory, `escaped${side}`)
  writeFileSync(process.env.CHAOS_ESCAPED, '')
  return {
    directory,
    side,
    meet,
    crowd: side === '' ? CROWD : HALF_CROWD,
    pool: makePool({ path: join(directory, 'pool') }),
    lockfiles: ['a', 'b', 'c'].map((name) => join(directory, `${side}${name}.lock`)),
    /** Lines that each stream with a reader has in all, by key. */
    streams: new Map(),
    receivedFile: (key) => join(directory, 'received', key),
  }
}

/** Ends whatever still runs of the run. */
export async function killAll() {
  await until(() => {
    const left = runProcesses()
    for (const target of left) signalProcess(target, 'SIGKILL')
    return left.length === 0
  }, 10_000)
}

/** Keeps the directory if its files are needed for the report. */
export function disposeOf(directory, { keep }) {
  if (!keep) rmSync(directory, { recursive: true, force: true })
}

/** The most descriptors of a supervisor with one client, a running child and a lock. */
export async function supervisorDescriptors({ directory, side, lockfiles: [lockfile] }) {
  // Not where the other side measures too.
  const pool = makePool({ path: join(directory, `measure${side}`), mkdirIfMissing: true })
  const task = await pool.spawn(taskOptions(`${side}measure`, 'sleeper', { lockfile }))
  await task.info()
  await delay(200)
  const count = descriptorsOf(task.pid).length
  await task.terminateSupervisor()
  return count
}

/** The program itself, not a wrapper that costs more than it; empty where there is none. */
function realPython() {
  const { stdout, status } = spawnSync('python3', ['-ISc', 'import sys, ctypes; print(sys.executable)'])
  return status === 0 ? stdout.toString().trim() : ''
}
