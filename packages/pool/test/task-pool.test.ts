import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Task } from '@bgtask/client'
import { TaskPool } from '@bgtask/pool'
import {
  eventually,
  isAlive,
  needs,
  pathOf,
  processFds,
  reachable,
  reachableNode,
  runNode,
  tempDir,
} from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { expectNothingLeft, makePool } from './support/directory.js'
import { endTask, spawnTask, supervisorsOf } from './support/tasks.js'

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

describe('the paths of a pool', () => {
  test('are named after the pid of the supervisor, of this process unless given', () => {
    const pool = makePool()
    expect(pool.sockdir).toBe(pool.path)
    expect(pool.socketPath(7)).toBe(join(pool.path, '7.sock'))
    expect(pool.outputPath(7)).toBe(join(pool.path, '7.out'))
    expect(pool.socketPath()).toBe(join(pool.path, `${process.pid}.sock`))
    expect(pool.outputPath()).toBe(join(pool.path, `${process.pid}.out`))
  })
})

describe('the supervisor of a pool', () => {
  test('is the one of Node if that is asked for, unless another is given or assigned', () => {
    const pool = makePool({ supervisor: 'node' })
    expect(pool.supervisorCmd.slice(-2)).toEqual([
      process.execPath,
      expect.stringMatching(/supervisor\/dist\/daemon\.cjs$/),
    ])
    pool.supervisorCmd = ['mine', '-v']
    expect(pool.supervisorCmd).toEqual(['mine', '-v'])
    expect(makePool({ supervisorCmd: ['other'] }).supervisorCmd).toEqual(['other'])
  })

  test('has an environment with defaults, which options and applySupervisorEnv are merged over', () => {
    const pool = makePool({ supervisorEnv: { A: '1', NODE_OPTIONS: '--no-warnings' } })
    const defaults = { BGTASK_TASKPOOL_PATH: pool.path, NODE_EXTRA_CA_CERTS: undefined }
    expect(pool.supervisorEnv).toEqual({ ...defaults, A: '1', NODE_OPTIONS: '--no-warnings' })
    expect(pool.applySupervisorEnv({ A: undefined, B: '2' })).toEqual({ ...pool.supervisorEnv, A: undefined, B: '2' })
  })

  const refused: [title: string, assign: (pool: TaskPool) => void, option: string][] = [
    ['an empty argv', (pool) => Object.assign(pool, { supervisorCmd: [] }), 'supervisorCmd'],
    ['a command line', (pool) => Object.assign(pool, { supervisorCmd: 'mine -v' }), 'supervisorCmd'],
    ['a task class that is none', (pool) => Object.assign(pool, { taskClass: {} }), 'taskClass'],
    ['a number in the environment', (pool) => pool.applySupervisorEnv({ A: 1 } as never), 'supervisorEnv.A'],
    ['an environment that is no object', (pool) => Object.assign(pool, { supervisorEnv: 'A=1' }), 'supervisorEnv'],
  ]
  test.each(refused)('cannot have %s', (_, assign, option) => {
    const pool = makePool()
    const before = pool.supervisorCmd
    expect(() => assign(pool)).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option }))
    expect(pool.supervisorCmd).toEqual(before)
  })
})

describe('an option of a pool that is refused', () => {
  test.each([
    [{ mkdirIfMising: true }, 'mkdirIfMising'],
    [{ taskClass: {} }, 'taskClass'],
    [{ access: { modes: 0o660 } }, 'access.modes'],
    [{ access: { mode: 0o4600 } }, 'access.mode'],
    [{ access: { owners: [-1] } }, 'access.owners.0'],
    [{ access: 0o660 }, 'access'],
    [{ supervisorCmd: [1] }, 'supervisorCmd'],
    [{ supervisorEnv: { A: 1 } }, 'supervisorEnv.A'],
    ...[Number.NaN, -1, 1.5, 65, '1'].map((standby): [object, string] => [{ standby }, 'standby']),
    ...[null, '', 7, 'a\0b'].map((path): [object, string] => [{ path }, 'path']),
  ])('%j is named', (options, option) => {
    expect(() => makePool(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option }),
    )
  })
})

describe('spawn', () => {
  test('gives a task of the class of the pool, connected, whose child runs', async () => {
    class MyTask extends Task {
      hello = 'hello'
    }
    const pool = new TaskPool({ path: tempDir(), taskClass: MyTask })
    const task: MyTask = await pool.spawn({ cmd: 'sleep 1000', meta: { name: 'mine' } })
    try {
      expect(task).toBeInstanceOf(MyTask)
      expect(task).toMatchObject({ hello: 'hello', taskPool: pool })
      expect(await task.info()).toMatchObject({ state: 'running', supervisorPid: task.pid, meta: { name: 'mine' } })
      expect((await pool.taskByPid(task.pid))?.hello).toBe('hello')
    } finally {
      await endTask(task)
    }
    expectNothingLeft(pool as unknown as TaskPool)
  })

  test('does not start anything for a signal that has aborted', async () => {
    const pool = makePool({ supervisorCmd: ['/nowhere'] })
    await expect(pool.spawn({ cmd: 'true', signal: AbortSignal.abort('too late') })).rejects.toBe('too late')
  })

  test.for([0, 1])('works where the working directory was removed, with %i standbys', async (standby) => {
    const pool = makePool({ standby })
    onTestFinished(() => pool.close())
    await eventually(() => supervisorsOf(pool).length === standby)
    const before = process.cwd()
    const gone = mkdtempSync(join(tempDir(), 'gone-'))
    process.chdir(gone)
    rmdirSync(gone)
    try {
      expect(await (await spawnTask(pool, { cmd: 'pwd', cwd: '/' })).wait()).toMatchObject({ exitCode: 0 })
      await expect(pool.spawn({ cmd: 'pwd' })).rejects.toMatchObject({ option: 'cwd', got: '.' })
      expect(() => new TaskPool({ path: 'pool' })).toThrow(expect.objectContaining({ option: 'path', got: 'pool' }))
    } finally {
      process.chdir(before)
    }
  })

  test('leaves the task alone when the signal aborts later', async () => {
    const controller = new AbortController()
    const task = await spawnTask(makePool(), { cmd: 'sleep 1000', signal: controller.signal })
    controller.abort()
    expect((await task.info()).state).toBe('running')
  })

  test('keeps nothing open of a supervisor that is ready but the connection to it', async () => {
    const before = processFds(process.pid).size
    const task = await spawnTask(makePool())
    await eventually(() => processFds(process.pid).size === before + 1)
    task.disconnect()
    await eventually(() => processFds(process.pid).size === before)
  })
})

describe.runIf(needs('root', 'setpriv'))('somebody else', () => {
  const FRIENDS = 54321
  // A directory of root's that everybody may read.
  const cannotWrite = (path: string) => ({ code: 'ERR_BGTASK_POOL_DIR', path })

  test.each([
    {
      title: "finds nothing by default, since sockets and records are their owner's",
      access: {},
      gid: FRIENDS,
      friend: false,
    },
    {
      title: 'in the group that access names finds and reads',
      access: { mode: 0o660, gid: FRIENDS },
      gid: FRIENDS,
      friend: true,
    },
    { title: 'outside of that group does not', access: { mode: 0o660, gid: FRIENDS }, gid: 11111, friend: false },
    { title: 'finds and reads where access lets everybody in', access: { mode: 0o666 }, gid: 11111, friend: true },
  ])('$title', async ({ access, gid, friend }) => {
    const pool = makePool({ access })
    chmodSync(pool.path, 0o755)
    await spawnTask(pool)
    expect(runAs(23456, gid, [reachable(fixture('other-user.js')), pool.path])).toEqual({
      states: friend ? ['running'] : [],
      errors: friend ? [] : ['ERR_BGTASK_PERMISSION', 'ERR_BGTASK_PERMISSION'],
      spawned: cannotWrite(pool.path),
    })
  })

  function runAs(uid: number, gid: number, args: string[]): unknown {
    const argv = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', reachableNode(), ...args]
    return JSON.parse(execFileSync(pathOf('setpriv'), argv, { encoding: 'utf8' }))
  }
})

describe('a caller that is killed', () => {
  test.each(['daemon', 'background'] as const)('leaves its task in the %s running', async (behavior) => {
    const pool = makePool()
    const caller = runNode(fixture('caller.js'), [pool.path, behavior])
    const [task] = await eventually(async () => {
      const found = await pool.search({ state: 'running' })
      return found.length === 1 ? found : undefined
    })
    caller.kill('SIGKILL')
    await caller
    try {
      const info = await (task as Task).info()
      expect(info).toMatchObject({ state: 'running', behavior })
      expect(isAlive(info.pid as number)).toBe(true)
      // Found by nobody but by the directory, as from any other process.
      expect(await makePool({ path: pool.path }).search({ meta: { of: 'caller' } })).toHaveLength(1)
    } finally {
      await endTask(task as Task)
    }
  })

  const moments: [title: string, hasCome: (names: string[]) => boolean][] = [
    ['at once', () => true],
    ['when there is a log', (names) => names.some((name) => name.endsWith('.out'))],
    ['when there is a record', (names) => names.some((name) => /^\d.*json$/.test(name))],
    ['when there is a socket', (names) => names.some((name) => name.endsWith('.sock'))],
  ]
  test.each(moments)('%s after it began to launch leaves nothing, or a task that can be found', async (_, hasCome) => {
    const pool = makePool()
    const caller = runNode(fixture('caller.js'), [pool.path, 'daemon'])
    await once(caller.stdout as Readable, 'data')
    await eventually(() => hasCome(readdirSync(pool.path)))
    caller.kill('SIGKILL')
    await caller
    // A supervisor is seen before its ready line meets a closed pipe, and then needs a moment to undo what it has made.
    const tasks = await eventually(async () => {
      const found = await pool.search()
      const states = await Promise.all(found.map(async (task) => (await task.info()).state))
      const isSettled = states.every((state) => state === 'running') && supervisorsOf(pool).length === found.length
      return isSettled ? found : undefined
    })
    for (const task of tasks) await endTask(task)
    await eventually(() => supervisorsOf(pool).length === 0)
    expectNothingLeft(pool)
  })
})
