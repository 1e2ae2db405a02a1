import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { needs, pathOf, reachable, reachableNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { runCaller } from '../support/callers.js'
import { expectNothingLeft, makePool } from '../support/pools.js'

/** The uid and gid of an unprivileged account that owns no files here. */
const NOBODY = 65_534
/** A group without members. */
const OTHER_GROUP = 65_533

test.for([
  { what: 'missing', make: () => {}, says: /does not exist.*mkdirIfMissing/ },
  { what: 'a file', make: (path: string) => writeFileSync(path, ''), says: /not a directory/ },
  { what: 'below a file', make: (path: string) => writeFileSync(join(path, '..'), ''), says: /pool/ },
  { what: 'a symbolic link', make: (path: string) => symlinkSync(tempDir(), path), says: /symbolic link/ },
  {
    what: 'open to everybody and not sticky',
    make: (path: string) => {
      mkdirSync(path)
      chmodSync(path, 0o777)
    },
    says: /sticky/,
  },
])('a path that is $what is an error that names it', ({ what, make, says }) => {
  const directory = tempDir()
  const path = join(directory, 'parent', 'pool')
  if (what !== 'below a file') mkdirSync(join(directory, 'parent'))
  make(path)
  const before = readdirSync(directory, { recursive: true })
  expect(() => new TaskPool({ path })).toThrow(
    expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR', path, message: expect.stringMatching(says) }),
  )
  expect(readdirSync(directory, { recursive: true })).toEqual(before)
})

describe('a path that is too long for a socket', () => {
  /** `/` and the longest name of a socket have 13 bytes, a socket's path at most 107. */
  const LONGEST = 107 - '/4194304.sock'.length

  test.for([
    { what: 'one byte more', path: (base: string) => base.padEnd(LONGEST + 1, 'x') },
    { what: 'in bytes, not characters', path: (base: string) => base.padEnd(LONGEST - 1, 'x').concat('é') },
    { what: '300 bytes', path: (base: string) => base.padEnd(300, 'x') },
  ])('$what is an error that names it, and nothing is made', ({ path: make }) => {
    const directory = tempDir()
    const path = make(join(directory, 'p'))
    const bytes = Buffer.byteLength(path) + 13
    expect(() => new TaskPool({ path, mkdirIfMissing: true })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_PATH_TOO_LONG', path: `${path}/4194304.sock`, bytes, limit: 107 }),
    )
    expect(readdirSync(directory)).toEqual([])
  })

  test('the longest path that fits a socket works', async () => {
    const path = join(tempDir(), 'p').padEnd(LONGEST, 'x')
    const pool = makePool({ path })
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    expect((await pool.search()).map(({ pid }) => pid)).toEqual([task.pid])
  })
})

test('every call reports a pool directory that was removed', async () => {
  const pool = makePool()
  rmdirSync(pool.path)
  const gone = { code: 'ERR_BGTASK_POOL_DIR', path: pool.path }
  await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject(gone)
  await expect(pool.search()).rejects.toMatchObject(gone)
  await expect(pool.taskByPid(1)).rejects.toMatchObject(gone)
})

describe.runIf(needs('root', 'setpriv'))('other users', () => {
  test('a user who may not write to the directory cannot create jobs', async () => {
    const path = openDirectory(0o755)
    const { error } = await runAsNobody({ pool: { path }, tasks: [{ cmd: 'true' }] })
    expect(error).toMatchObject({
      code: 'ERR_BGTASK_POOL_DIR',
      path,
      message: expect.stringMatching(/cannot be written/),
    })
    expectNothingLeft(path)
  })

  test('a user who may write to the directory can create jobs', async () => {
    const path = openDirectory(0o1777)
    const { infos } = await runAsNobody({ pool: { path }, tasks: [{ cmd: 'sleep 1000' }] })
    const pid = infos?.[0]?.supervisorPid
    expect((await new TaskPool({ path, access: { owners: [NOBODY] } }).search()).map((task) => task.pid)).toEqual([pid])
    expect(statSync(`/proc/${pid}`).uid).toBe(NOBODY)
  })

  test('a user who may read the directory can interact with shared jobs', async () => {
    const path = openDirectory(0o755)
    const pool = makePool({ path, access: { mode: 0o666 } })
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    const { killed, met } = await runAsNobody({ pool: { path }, kill: 'KILL' })
    expect({ killed, met }).toEqual({ killed: [task.pid], met: [] })
    expect(await task.wait()).toMatchObject({ signal: 'SIGKILL' })
  })

  test('by default only the owner can interact with a job', async () => {
    const path = openDirectory(0o755)
    const pool = makePool({ path })
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    const { killed, met } = await runAsNobody({ pool: { path }, kill: 'KILL' })
    expect({ killed, met }).toEqual({ killed: [], met: ['ERR_BGTASK_PERMISSION'] })
    expect((await task.info()).state).toBe('running')
  })

  test('a user who may not even read the directory gets an error', async () => {
    const path = openDirectory(0o711)
    const { error } = await runAsNobody({ pool: { path }, kill: 'KILL' })
    expect(error).toMatchObject({ code: 'ERR_BGTASK_POOL_DIR', path })
  })

  test('users of a set-gid supervisor need not be able to write', async () => {
    const path = openDirectory(0o775)
    chownSync(path, 0, OTHER_GROUP)
    const env = setGid('/usr/bin/env', OTHER_GROUP)
    // Right before Node: a shell in between, such as the default's, gives back rights that it was not started with.
    const daemon = makePool({ supervisor: 'node' }).supervisorCmd.at(-1) as string
    const supervisorCmd = [env, reachableNode(), reachable(daemon)]
    const pool = { path, supervisorCmd, access: { gid: OTHER_GROUP } }
    const { error, infos } = await runAsNobody({ pool, tasks: [{ cmd: 'sleep 1000' }] })
    expect(error).toBeUndefined()
    expect(statSync(join(path, `${infos?.[0]?.supervisorPid}.sock`))).toMatchObject({ uid: NOBODY, gid: OTHER_GROUP })
  })
})

function runAsNobody(plan: Parameters<typeof runCaller>[0]) {
  return runCaller(plan, { cwd: '/' }, asNobody())
}

function asNobody(): string[] {
  return [pathOf('setpriv'), `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
}

function openDirectory(mode: number): string {
  const path = tempDir()
  chmodSync(path, mode)
  return path
}

/** A copy of a program that runs with the rights of a group. */
function setGid(program: string, gid: number): string {
  const directory = openDirectory(0o755)
  const copy = join(directory, 'set-gid')
  copyFileSync(program, copy)
  chownSync(copy, 0, gid)
  chmodSync(copy, 0o2755)
  return copy
}
