import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SpawnOptions, TaskPattern, TaskPoolOptions } from '@bgtask/pool'
import { TaskPool } from '@bgtask/pool'
import { eventually, isAlive, needs, pathOf, reachable, reachableNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { endTasksAfterTest, makePool, processesOf } from './support/pools.js'
import { startProgram } from './support/programs.js'

const [ALICE, BOB, INTRUDER] = [12_001, 12_002, 12_003]
const TEAM = 12_100
const fixture = (name: string) => reachable(join(import.meta.dirname, 'fixtures', name))

interface User {
  readonly uid: number
  readonly groups?: readonly number[]
}

/** What `fixtures/user.mjs` prints. */
interface Seen {
  found: number[]
  errors: [pid: number, code: string][]
  answers: object[]
  lost: number[]
  swept: string[]
}

describe.runIf(needs('root', 'setpriv'))('an untrusted user', () => {
  describe('socket, log and record have the modes that access names, whatever the umask', () => {
    test.each([
      { access: undefined, mode: 0o600, gid: 0 },
      { access: { mode: 0o660, gid: TEAM }, mode: 0o660, gid: TEAM },
      { access: { mode: 0o666 }, mode: 0o666, gid: 0 },
    ])('$access', async ({ access, mode, gid }) => {
      for (const umask of [0o000, 0o777]) {
        const pool = makePool({ access })
        const umaskBefore = process.umask(umask)
        const task = await pool.spawn({ cmd: 'sleep 1000' }).finally(() => process.umask(umaskBefore))
        const modeIs = () =>
          readdirSync(pool.path).map((name) => {
            const stats = statSync(join(pool.path, name))
            return { kind: name.split('.').at(-1), mode: stats.mode & 0o777, gid: stats.gid }
          })
        const expected = ['json', 'out', 'sock'].map((kind) => ({ kind, mode, gid }))
        expect(modeIs().sort((a, b) => String(a.kind).localeCompare(String(b.kind)))).toEqual(expected)
        // A record that is written again keeps them.
        await task.applyMeta({ again: true })
        expect(modeIs()).toEqual(expect.arrayContaining(expected))
      }
    })
  })

  describe('a directory that a group may read', () => {
    const access = { mode: 0o660, gid: TEAM }

    test('members of the group control a task whose access includes the group', async () => {
      const path = directory(ALICE, TEAM, 0o750)
      const pid = spawnAs({ uid: ALICE, groups: [TEAM] }, { path, access })
      const seen = look({ uid: BOB, groups: [TEAM] }, { path }, { talk: true })
      const answer = { text: 'hello\n', meta: { seen: true }, exitCode: 0, restarted: true, signal: 'SIGTERM' }
      expect(seen).toMatchObject({ found: [pid], errors: [], answers: [answer] })
      expect(readdirSync(path)).toEqual([])
    })

    test('members of the group cannot use a task of its owner only', async () => {
      const path = directory(ALICE, TEAM, 0o750)
      const pid = spawnAs({ uid: ALICE, groups: [TEAM] }, { path })
      const { found, errors } = look({ uid: BOB, groups: [TEAM] }, { path })
      expect(found).toEqual([])
      // Its record may not be read, and its socket not be connected to.
      expect(errors).toEqual([
        [pid, 'ERR_BGTASK_PERMISSION'],
        [pid, 'ERR_BGTASK_PERMISSION'],
      ])
    })

    test('other users cannot use a task of the group', async () => {
      const path = directory(ALICE, TEAM, 0o750)
      spawnAs({ uid: ALICE, groups: [TEAM] }, { path, access })
      expect(() => look({ uid: BOB }, { path })).toThrow(/ERR_BGTASK_POOL_DIR/)
    })
  })

  describe('a directory that many may write, with the sticky bit', () => {
    test("users of a shared directory see each other's tasks only if they trust the owner", async () => {
      const path = directory(0, TEAM, 0o1770)
      const access = { mode: 0o660, gid: TEAM }
      const member = (uid: number) => ({ uid, groups: [TEAM] })
      const [alices, bobs] = [ALICE, BOB].map((uid) => spawnAs(member(uid), { path, access }))
      expect(look(member(BOB), { path })).toMatchObject({
        found: [bobs],
        errors: [[alices, 'ERR_BGTASK_PERMISSION']],
      })
      const trusting = { path, access: { owners: [ALICE] } }
      expect(look(member(BOB), trusting).found.sort()).toEqual([alices, bobs].sort())
    })

    test("root can end a user's orphan", async () => {
      const path = directory(0, 0, 0o1777)
      const pid = spawnAs({ uid: BOB }, { path }, { cmd: 'sh -c "sleep 1000 & sleep 1000"' })
      process.kill(pid, 'SIGKILL')
      const pool = new TaskPool({ path, access: { owners: [BOB] } })
      const lost = await eventually(async () => (await pool.lost())[0])
      expect(lost.state).toBe('orphaned')
      expect(await lost.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })).toEqual([])
      expect(lost.state).toBe('lost')
      expect(processesOf(path)).toEqual([])
    })

    const PLANTED = ['a', 'b', 'c', 'd']

    test('files planted by another user are skipped and reported, never trusted, connected to or removed', async () => {
      const path = directory(0, 0, 0o1777)
      const pid = spawnAs({ uid: BOB }, { path })
      const intruder = await letIn(path, pid)
      const planted = filesOf(path, INTRUDER)
      const errors = [...PLANTED.map(() => [pid, 'ERR_BGTASK_PERMISSION']), [intruder.pid, 'ERR_BGTASK_PERMISSION']]

      const seen = look({ uid: BOB }, { path })
      expect(seen).toMatchObject({ found: [pid], lost: [], swept: [] })
      expect(seen.errors).toHaveLength(errors.length)
      expect(seen.errors).toEqual(expect.arrayContaining(errors))
      expect(look({ uid: BOB }, { path }, { pattern: { meta: { name: 'forged' } } }).found).toEqual([])

      // Root may read everything, and believes as little of it.
      const pool = new TaskPool({ path, access: { owners: [BOB] } })
      expect((await pool.search()).map((task) => task.pid)).toEqual([pid])
      expect((await pool.record(pid))?.info.meta).toEqual({})
      expect(await pool.record(intruder.pid)).toBeUndefined()
      expect(await pool.lost()).toEqual([])
      await expect(pool.taskByPid(intruder.pid)).rejects.toMatchObject({ code: 'ERR_BGTASK_PERMISSION' })
      expect(await pool.sweep()).toEqual([])
      expect(filesOf(path, INTRUDER)).toEqual(planted)
      expect(await intruder.connections()).toBe(0)
      expect(isAlive(pid)).toBe(true)
    })

    test("a trusted user's record is refused if it is a FIFO, a link or huge, or names another user's supervisor", async () => {
      const path = directory(0, 0, 0o1777)
      const pid = spawnAs({ uid: BOB }, { path })
      const intruder = await letIn(path, pid)
      const { errors } = look({ uid: BOB }, { path, access: { owners: [INTRUDER] } }, { pattern: { run: 1 } })
      const codes = errors.filter(([of]) => of === pid).map(([, code]) => code)
      const [permission, protocol] = ['ERR_BGTASK_PERMISSION', 'ERR_BGTASK_PROTOCOL']
      expect(codes.sort()).toEqual([permission, permission, protocol, protocol])
      expect(await intruder.connections()).toBe(0)
    })

    test.runIf(needs('unshare')).each(['N.sock', 'N.out', '.N.s'])(
      'a spawn whose %s another user has taken is refused, and leaves nothing',
      async (name) => {
        const path = directory(0, 0, 0o1777)
        endTasksAfterTest(path)
        // In a pid namespace of their own supervisors have the first pids.
        for (let pid = 1; pid < 1_000; pid += 1) {
          const file = join(path, name.replace('N', String(pid)))
          writeFileSync(file, '')
          chownSync(file, INTRUDER, INTRUDER)
        }
        const planted = readdirSync(path).length
        const plan = JSON.stringify({ pool: { path }, spawn: { cmd: 'sleep 1000' } })
        const alone = ['--pid', '--fork', '--mount-proc', '--kill-child']
        const { pid, code, message } = outcomeOf([
          pathOf('unshare'),
          ...alone,
          ...argvOf({ uid: BOB }, [fixture('user.mjs'), plan]),
        ])
        expect({ pid, code }).toEqual({ pid: undefined, code: 'ERR_BGTASK_LAUNCH' })
        expect(message).toMatch(/NAME_TAKEN: the name \S+ is taken: it belongs to uid 12003/)
        expect(processesOf(path)).toEqual([])
        expect(readdirSync(path)).toHaveLength(planted)
      },
    )
  })
})

describe.runIf(needs('root', 'unshare'))('pid namespaces that share a directory', () => {
  // Their supervisors had the same pids: the socket of the second took the name of the first one's, which could not be found then.
  test('tasks of two pid namespaces that share a directory do not collide', async () => {
    const path = directory(0, 0, 0o700)
    endTasksAfterTest(path)
    const plan = JSON.stringify({ pool: { path }, spawn: { cmd: 'cat' } })
    const spawns = [process.execPath, fixture('user.mjs'), plan]
    const pids: number[] = []
    for (let count = 0; count < 3; count += 1) {
      const keep = ['/bin/sh', '-c', '"$@"; exec sleep 1000', 'sh', ...spawns]
      const argv = [pathOf('unshare'), '--pid', '--fork', '--mount-proc', '--kill-child', ...keep]
      const container = startProgram(argv, { cwd: '/' })
      const [line] = await once(container.process.stdout, 'data')
      pids.push(JSON.parse(line).pid)
    }
    const found = await new TaskPool({ path }).search()
    expect(found.map(({ pid }) => pid)).toEqual(pids.toSorted((a, b) => a - b))
    expect(new Set((await Promise.all(found.map((task) => task.info()))).map(({ taskId }) => taskId)).size).toBe(3)
  })
})

function directory(uid: number, gid: number, mode: number): string {
  const path = tempDir()
  chownSync(path, uid, gid)
  chmodSync(path, mode)
  return path
}

/** Names of files that belong to a user. */
function filesOf(path: string, uid: number): string[] {
  return readdirSync(path).filter((name) => statSync(join(path, name), { throwIfNoEntry: false })?.uid === uid)
}

/** Spawns a task as that user, and gives its supervisor's pid. */
function spawnAs(user: User, pool: TaskPoolOptions, spawn: SpawnOptions = { cmd: 'cat' }): number {
  endTasksAfterTest(pool.path)
  const { pid, code, message } = asUser(user, [fixture('user.mjs'), JSON.stringify({ pool, spawn })])
  if (pid === undefined) throw new Error(`${code}: ${message}`)
  return pid
}

/** What that user sees of a pool. */
function look(user: User, pool: TaskPoolOptions, plan: { pattern?: TaskPattern; talk?: boolean } = {}): Seen {
  return asUser(user, [fixture('user.mjs'), JSON.stringify({ pool, ...plan })])
}

function asUser(user: User, args: string[]) {
  return outcomeOf(argvOf(user, args))
}

/** What a program prints. */
function outcomeOf([program = '', ...args]: string[]) {
  return JSON.parse(execFileSync(program, args, { cwd: '/', encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))
}

function argvOf({ uid, groups }: User, args: string[]): string[] {
  const others = groups === undefined ? '--clear-groups' : `--groups=${groups.join()}`
  return [pathOf('setpriv'), `--reuid=${uid}`, `--regid=${uid}`, others, reachableNode(), ...args]
}

/** A user who plants files (`fixtures/intruder.mjs`), and reports in the end how many clients connected. */
async function letIn(path: string, theirPid: number) {
  const argv = argvOf({ uid: INTRUDER }, [fixture('intruder.mjs'), path, String(theirPid)])
  const program = startProgram(argv, { cwd: '/' })
  const [pid] = await once(program.process.stdout, 'data')
  const connections = async () => {
    program.process.stdin.end()
    const [count] = await once(program.process.stdout, 'data')
    return Number(count)
  }
  return { pid: Number(pid), connections }
}
