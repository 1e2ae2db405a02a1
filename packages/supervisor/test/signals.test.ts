import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { eventually, isAlive } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { makePool, spawnTask } from './support/pool.js'

/** What each signal does to a supervisor of behavior `daemon`. */
const MEANINGS: Readonly<Record<string, readonly NodeJS.Signals[]>> = {
  'ends it in order': ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGXCPU', 'SIGPWR', 'SIGSYS'],
  nothing: [
    ...(['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO'] as const),
    ...(['SIGXFSZ', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH'] as const),
  ],
  'stops it': ['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'],
  'cannot be caught, or not without an endless loop after a real fault': [
    ...(['SIGKILL', 'SIGILL', 'SIGTRAP', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const),
  ],
}

/** Second names of the same numbers. */
const ALIASES = ['SIGIOT', 'SIGPOLL']

test('every signal of this platform has a meaning', () => {
  const known = [...Object.values(MEANINGS).flat(), ...ALIASES]
  expect(Object.keys(constants.signals).sort()).toEqual([...new Set(known)].sort())
})

describe('a supervisor ends in order, with its child, on', () => {
  test.each(MEANINGS['ends it in order'] ?? [])('%s', async (killSignal) => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'trap "exit 3" TERM; echo up; sleep 1000 & wait' })
    await task.stdout.waitFor('up\n')
    const { pid } = await task.info()
    process.kill(task.pid, killSignal)
    await eventually(() => !isAlive(task.pid))
    expect(isAlive(pid ?? 0)).toBe(false)
    expect(readdirSync(pool.path)).toEqual([])
  })
})

test('a supervisor goes on after all other signals that can be caught, and its next child ignores none of them', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  for (const killSignal of MEANINGS.nothing ?? []) process.kill(task.pid, killSignal)
  expect((await task.info()).state).toBe('running')
  await task.stop()
  expect(await task.restart()).toBe(true)
  const { pid } = await task.info()
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  expect(status.match(/^Sig(Blk|Ign|Cgt):.*$/gm)).toEqual([
    'SigBlk:\t0000000000000000',
    'SigIgn:\t0000000000000000',
    'SigCgt:\t0000000000000000',
  ])
})
