import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { TaskPool } from '@bgtask/pool'
import { signalProcess } from '@bgtask/protocol'
import { taskOptions } from './plan.mjs'
import { descriptorsOf, RUN_VARIABLE, runProcesses } from './processes.mjs'
import { until } from './until.mjs'

/** Where one run takes place: a pool, lock files, the journal and what readers received, all in one directory. */
export function makeWorld() {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'bgc-')))
  const temporary = join(directory, 'tmp')
  const received = join(directory, 'received')
  for (const path of [temporary, received]) mkdirSync(path)
  process.env[RUN_VARIABLE] = randomBytes(8).toString('hex')
  process.env.CHAOS_JOURNAL = join(directory, 'journal')
  // What standbys try out there when they are killed is not the pool's.
  process.env.TMPDIR = temporary
  writeFileSync(process.env.CHAOS_JOURNAL, '')
  return {
    directory,
    pool: new TaskPool({ path: join(directory, 'pool'), mkdirIfMissing: true }),
    lockfiles: ['a', 'b', 'c'].map((name) => join(directory, `${name}.lock`)),
    /** Lines that each stream with a reader has in all, by key. */
    streams: new Map(),
    receivedFile: (key) => join(received, key),
    /** Ends whatever still runs; the directory stays where somebody is to look at it. */
    dispose: async ({ keep }) => {
      await killAll()
      if (!keep) rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Descriptors of a supervisor that nobody but us is connected to, the most that one may have: its child runs, with a lock. */
export async function supervisorDescriptors({ pool, lockfiles: [lockfile] }) {
  const task = await pool.spawn(taskOptions('measure', 'sleeper', { lockfile }))
  await task.info()
  await delay(200)
  const count = descriptorsOf(task.pid).length
  await task.terminateSupervisor()
  return count
}

async function killAll() {
  await until(() => {
    const left = runProcesses()
    for (const target of left) signalProcess(target, 'SIGKILL')
    return left.length === 0
  }, 10_000)
}
