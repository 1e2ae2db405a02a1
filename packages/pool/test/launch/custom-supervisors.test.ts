import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { SpawnOptions, TaskPool } from '@bgtask/pool'
import { decode } from '@bgtask/protocol/rpc'
import { eventually, isAlive, processEnv, processStat, tempDir } from '@bgtask/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import { expectNothingLeft, makePool } from '../support/directory.js'

const BEHAVIORS = ['foreground', 'background', 'daemon'] as const
type Behavior = (typeof BEHAVIORS)[number]

/** How a supervisor is started that is none of this project's. */
const WAYS = {
  'by a shell': {},
  directly: { supervisor: 'node', supervisorDetaches: true },
  'by a spawner': { supervisor: 'auto', supervisorDetaches: true },
} as const
type Way = keyof typeof WAYS

/** A machine without Rust has no spawner. */
const hasSpawner = existsSync(
  resolve(import.meta.dirname, `../../../supervisor-linux-${process.arch}/bgtask-supervisor`),
)

/** A supervisor in shell, which finds in `$DIR` a directory to leave traces in. */
function shellPool(script: string, way: Way = 'by a shell'): { pool: TaskPool; directory: string } {
  const directory = tempDir()
  const supervisorCmd = ['/bin/sh', '-c', script]
  const pool = makePool({ ...WAYS[way], supervisorCmd, supervisorEnv: { DIR: directory } })
  return { pool, directory }
}

async function failureOf(pool: TaskPool, options: SpawnOptions = { cmd: 'never run' }): Promise<unknown> {
  const outcome = await pool.spawn(options).then(
    (task) => `unexpected task ${task.pid}`,
    (error: unknown) => error,
  )
  expectNothingLeft(pool)
  return outcome
}

const readPid = (directory: string) => Number(readFileSync(join(directory, 'pid'), 'utf8'))

interface Case {
  title: string
  script: string
  error: (behavior: Behavior, way: Way) => object
  launchTimeoutMs?: number
}

/** Ends every one of these, so short; but a busy machine must have started the shell and taken its words before. */
const LAUNCH_TIMEOUT_MS = 1_000

const SAVE_PID = 'echo $$ > "$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"'

const cases: Case[] = [
  {
    title: 'exits at once: its words are the reason',
    script: `${SAVE_PID}; echo out of luck >&2; exit 3`,
    // Only of our own child is the exit code known.
    error: (behavior, way) => ({
      code: 'ERR_BGTASK_LAUNCH',
      stderr: 'out of luck\n',
      exitCode: behavior === 'foreground' || way === 'directly' ? 3 : undefined,
    }),
  },
  {
    title: 'exits at once and says nothing',
    script: `${SAVE_PID}; exit 0`,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH', stderr: '' }),
  },
  {
    title: 'names an error',
    script: `${SAVE_PID}; echo 'BGTASK_ERROR={"code":"ERR_BGTASK_LOCK_HELD","message":"held","lockfile":"/l"}' >&2; exit 1`,
    error: () => ({ code: 'ERR_BGTASK_LOCK_HELD', lockfile: '/l', message: 'held' }),
  },
  {
    title: 'hangs: it is ended when the time is up',
    script: `${SAVE_PID}; echo working on it >&2; sleep 1000 & wait`,
    launchTimeoutMs: LAUNCH_TIMEOUT_MS,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH_TIMEOUT', timeoutMs: LAUNCH_TIMEOUT_MS, stderr: 'working on it\n' }),
  },
  {
    title: 'hangs, and ignores that it shall end',
    script: `${SAVE_PID}; trap '' TERM HUP PIPE; while :; do sleep 1; done`,
    launchTimeoutMs: LAUNCH_TIMEOUT_MS,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH_TIMEOUT' }),
  },
  {
    title: 'never stops talking',
    script: `${SAVE_PID}; yes >&2`,
    launchTimeoutMs: LAUNCH_TIMEOUT_MS,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH_TIMEOUT', stderr: expect.stringMatching(/^[y\n]{65536}$/) }),
  },
  {
    title: 'says that it is ready and does not listen',
    script: `${SAVE_PID}; echo DAEMON_PID=$$ >&2; sleep 1000`,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH', message: expect.stringMatching(/DAEMON_PID=\d+.*cannot be reached/) }),
  },
  {
    title: 'says that it is ready with what is no pid',
    script: `${SAVE_PID}; echo DAEMON_PID=me >&2; exit 0`,
    error: () => ({ code: 'ERR_BGTASK_LAUNCH', stderr: 'DAEMON_PID=me\n' }),
  },
]

const starts: [Behavior, Way][] = [
  ...BEHAVIORS.map((behavior): [Behavior, Way] => [behavior, 'by a shell']),
  ['daemon', 'directly'],
  ...(hasSpawner
    ? [['daemon', 'by a spawner'] as [Behavior, Way], ['background', 'by a spawner'] as [Behavior, Way]]
    : []),
]

describe.each(starts)('a supervisor in the %s that is started %s', (behavior, way) => {
  // The first launch of a process has no spawner.
  let hasSpawned = way !== 'by a spawner'
  beforeEach(async () => {
    if (!hasSpawned) await failureOf(shellPool('exit 1', way).pool, { cmd: 'never run', behavior })
    hasSpawned = true
  })

  // What takes its whole time is the same for each behavior.
  const isOnce = behavior === 'daemon' && way !== 'directly'
  test.each(cases.filter(({ launchTimeoutMs }) => isOnce || launchTimeoutMs === undefined))(
    'that $title',
    async ({ script, launchTimeoutMs, error }) => {
      const { pool, directory } = shellPool(script, way)
      expect(await failureOf(pool, { cmd: 'never run', behavior, launchTimeoutMs })).toMatchObject(error(behavior, way))
      // At once, not eventually: when the launch is told to have failed nothing of it runs.
      expect(isAlive(readPid(directory))).toBe(false)
    },
  )

  test('that does not exist is named', async () => {
    const pool = makePool({ ...WAYS[way], supervisorCmd: ['/nowhere/supervisor', 'x'] })
    expect(await failureOf(pool, { cmd: 'never run', behavior })).toMatchObject({
      code: 'ERR_BGTASK_LAUNCH',
      message: expect.stringContaining('/nowhere/supervisor'),
    })
  })

  test('is ended when the signal aborts, and the reason is told', async () => {
    const { pool, directory } = shellPool(`${SAVE_PID}; sleep 1000`, way)
    const controller = new AbortController()
    const failure = failureOf(pool, { cmd: 'never run', behavior, signal: controller.signal })
    await eventually(() => existsSync(join(directory, 'pid')))
    controller.abort('changed my mind')
    expect(await failure).toBe('changed my mind')
    expect(isAlive(readPid(directory))).toBe(false)
  })

  // Started directly, it leaves its caller by itself, which these do not.
  test.runIf(way !== 'directly')('is where the behavior says: parent, session and group', async () => {
    const { pool, directory } = shellPool(`${SAVE_PID}; sleep 1000`, way)
    const controller = new AbortController()
    const failure = failureOf(pool, { cmd: 'never run', behavior, signal: controller.signal })
    await eventually(() => existsSync(join(directory, 'pid')))
    const pid = readPid(directory)
    const own = processStat(process.pid)
    if (behavior === 'foreground') {
      expect(processStat(pid)).toMatchObject({ ppid: process.pid, session: own?.session, pgrp: own?.pgrp })
    } else {
      // The shell in between has ended; whoever adopts orphans here is the parent.
      await eventually(
        () => processStat(pid)?.ppid !== process.pid && processStat(processStat(pid)?.ppid ?? 0)?.ppid !== process.pid,
      )
      const stat = processStat(pid)
      if (behavior === 'background') expect(stat).toMatchObject({ session: own?.session, pgrp: own?.pgrp })
      // A shell before it leads the session.
      else expect(way === 'by a spawner' ? [own?.session] : [own?.session, pid]).not.toContain(stat?.session)
    }
    controller.abort('enough seen')
    expect(await failure).toBe('enough seen')
  })
})

describe('what a supervisor gets', () => {
  test('is the spec on stdin, to its end', async () => {
    const { pool, directory } = shellPool('cat > "$DIR/spec"; exit 1')
    // More than a pipe's buffer holds, so that it arrives in parts.
    const meta = { text: 'ü'.repeat(30_000) }
    const args = Array.from({ length: 1_000 }, (_, index) => `${index} ${'x'.repeat(1_000)}`)
    await failureOf(pool, { exec: ['program', ...args], meta, cwd: directory, env: { POOL_TEST: 'x' } })
    const spec = decode(readFileSync(join(directory, 'spec')))
    expect(spec).toMatchObject({
      v: 1,
      exec: ['program', ...args],
      meta,
      cwd: directory,
      poolPath: pool.path,
      env: expect.objectContaining({ POOL_TEST: 'x', BGTASK_TASKPOOL_PATH: pool.path }),
    })
  })

  async function environmentOf(configure: (pool: TaskPool) => void = () => {}, behavior: Behavior = 'daemon') {
    const { pool, directory } = shellPool(`cp /proc/$$/environ "$DIR/env"; exit 1`)
    configure(pool)
    await failureOf(pool, { cmd: 'never run', behavior })
    const entries = readFileSync(join(directory, 'env'), 'utf8').split('\0').filter(Boolean)
    const env = Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s).slice(0, 2))) as Record<string, string>
    return { env, pool }
  }

  test("is the caller's environment with the pool's path, without Node's options and an outer task's variables", async () => {
    const outer = {
      POOL_TEST: 'from the caller',
      NODE_OPTIONS: '--max-old-space-size=1000',
      NODE_EXTRA_CA_CERTS: '/nowhere',
      BGTASK_COOKIE: 'outer',
      BGTASK_SUPERVISOR_PID: '1',
      BGTASK_TASKPOOL_PATH: '/outer',
    }
    const before = { ...process.env }
    Object.assign(process.env, outer)
    try {
      const { env, pool } = await environmentOf()
      expect(env).toMatchObject({
        POOL_TEST: 'from the caller',
        BGTASK_TASKPOOL_PATH: pool.path,
        BGTASK_BEHAVIOR: 'daemon',
      })
      for (const name of ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'BGTASK_COOKIE', 'BGTASK_SUPERVISOR_PID']) {
        expect(env).not.toHaveProperty(name)
      }
    } finally {
      for (const name of Object.keys(outer)) delete process.env[name]
      Object.assign(process.env, before)
    }
  })

  test.each(BEHAVIORS)('names the behavior %s', async (behavior) => {
    expect((await environmentOf(() => {}, behavior)).env).toHaveProperty('BGTASK_BEHAVIOR', behavior)
  })

  test('has what applySupervisorEnv merged', async () => {
    const { env, pool } = await environmentOf((pool) => {
      expect(pool.applySupervisorEnv({ POOL_TEST: 'merged', PWD: undefined })).toMatchObject({ POOL_TEST: 'merged' })
    })
    expect(env).toMatchObject({ POOL_TEST: 'merged', BGTASK_TASKPOOL_PATH: pool.path })
  })

  test('has nothing of the defaults where supervisorEnv was assigned, and the spawn says what is missing', async () => {
    const { pool, directory } = shellPool(SAVE_PID)
    pool.supervisorEnv = { POOL_TEST: 'all' }
    expect(pool.supervisorEnv).toEqual({ POOL_TEST: 'all' })
    expect(await failureOf(pool)).toMatchObject({
      code: 'ERR_BGTASK_INVALID_OPTION',
      option: 'supervisorEnv.BGTASK_TASKPOOL_PATH',
    })
    expect(existsSync(join(directory, 'pid'))).toBe(false)
  })
})

test('processes that are not of the launch are spared when it fails', async () => {
  const one = shellPool(`${SAVE_PID}; sleep 1000`)
  const other = shellPool(`${SAVE_PID}; sleep 1000`)
  const controller = new AbortController()
  const spared = failureOf(one.pool, { cmd: 'never run', signal: controller.signal })
  await eventually(() => existsSync(join(one.directory, 'pid')))
  await failureOf(other.pool, { cmd: 'never run', launchTimeoutMs: 200 })
  const pid = readPid(one.directory)
  expect(isAlive(pid)).toBe(true)
  expect(processEnv(pid)).toHaveProperty('BGTASK_LAUNCH')
  controller.abort('done')
  await spared
  expect(isAlive(pid)).toBe(false)
})
