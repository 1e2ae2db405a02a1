import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, linkSync, readFileSync, readlinkSync } from 'node:fs'
import { COOKIE_VARIABLE, processIdentity } from '@bgtask/os'
import type { LostTask } from '@bgtask/pool'
import type { BgTaskError, TaskRecord } from '@bgtask/protocol'
import { eventually, isAlive, needs, pathOf } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { idleProcess, kill, recordOf, writeRecord } from '../support/records.js'
import { spawnTask } from '../support/tasks.js'

// A record is as true as the owner of its file: it must not make anybody signal what that user could not.

const BOB = 12_002
const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const
const COOKIE = '00112233445566778899aabbccddeeff'

type Process = ChildProcess & { pid: number }
type Named = Pick<TaskRecord, 'child' | 'pipes'> & { info?: Partial<TaskRecord['info']> }

interface Users {
  readonly real: number
  readonly effective: number
}

/** A process that leads a session, and has a real pipe as its stdin, as the shell makes it. */
async function processOf({ real, effective }: Users, changes: NodeJS.ProcessEnv = {}): Promise<Process> {
  const argv = [pathOf('setpriv'), `--ruid=${real}`, `--euid=${effective}`, '--clear-groups', 'sleep', '1000']
  const env = { ...process.env, ...changes }
  const script = 'exec "$@" <<X\n.\nX\n'
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...argv], { detached: true, env, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  await eventually(() => readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').startsWith('sleep'))
  return child as Process
}

/** How a record names a process, and what that has in its environment. */
const WAYS: [string, (pid: number) => Named, NodeJS.ProcessEnv?][] = [
  ['as its child', (pid) => ({ child: processIdentity(pid) })],
  [
    'as a survivor of a stop',
    (pid) => {
      const survivors = [{ pid, startTime: processIdentity(pid).startTime ?? 0, command: 'x' }]
      return { child: null, info: { exitStatus: { exitCode: null, signal: 'SIGKILL', cause: 'stopped', survivors } } }
    },
  ],
  ['by its cookie', () => ({ child: null, info: { taskId: COOKIE } }), { [COOKIE_VARIABLE]: COOKIE }],
  ['by its pipe', (pid) => ({ child: null, pipes: [readlinkSync(`/proc/${pid}/fd/0`)] })],
]

/** What a record of BOB's makes of a process that was started after its supervisor. */
async function lostBy(name: (pid: number) => Named, users: Users, env?: NodeJS.ProcessEnv) {
  const pool = makePool({ access: { owners: [BOB] } })
  const supervisor = await idleProcess()
  const { pid } = await processOf(users, env)
  const { info, ...named } = name(pid)
  chownSync(writeRecord(pool.path, recordOf(supervisor.pid, info, named)), BOB, BOB)
  await kill(supervisor)
  return { pid, lost: (await pool.lost())[0] as LostTask }
}

describe.runIf(needs('root', 'setpriv'))('a record of another user', () => {
  test.each(WAYS)('%s: makes root end what that user runs', async (_, name, env) => {
    const { pid, lost } = await lostBy(name, { real: BOB, effective: BOB }, env)
    expect(await lost.stop({ steps: KILL })).toEqual([])
    expect(isAlive(pid)).toBe(false)
  })

  test.each(WAYS)('%s: makes root end a set-uid program that the user started', async (_, name, env) => {
    const { pid, lost } = await lostBy(name, { real: BOB, effective: 0 }, env)
    expect(await lost.stop({ steps: KILL })).toEqual([])
    expect(isAlive(pid)).toBe(false)
  })

  test.each(WAYS)(
    "%s: root's processes are never signalled, and are reported as survivors at once",
    async (_, name, env) => {
      const { pid, lost } = await lostBy(name, { real: 0, effective: 0 }, env)
      const steps = [{ killSignal: 'KILL', waitMs: 60_000 }] as const
      expect(await lost.stop({ steps, timeoutMs: 10_000 })).toMatchObject([{ pid }])
      expect(isAlive(pid)).toBe(true)
    },
  )

  test("that names root's living supervisor is no record: neither the search nor the pool's record believes it", async () => {
    const pool = makePool({ access: { owners: [BOB] } })
    const task = await spawnTask(pool)
    const forged = recordOf(task.pid, { meta: { name: 'forged' }, createdAt: Number.MAX_SAFE_INTEGER })
    chownSync(writeRecord(pool.path, forged), BOB, BOB)
    const elsewhere = { ...forged.supervisor, pidNamespace: 'pid:[1]' }
    const silent = recordOf(task.pid, forged.info, { supervisor: elsewhere })
    chownSync(writeRecord(pool.path, { ...silent, info: { ...silent.info, taskId: COOKIE } }), BOB, BOB)

    const errors: BgTaskError[] = []
    const onError = (error: BgTaskError) => void errors.push(error)
    expect(await pool.search({ meta: { name: 'forged' } }, { onError })).toEqual([])
    expect(errors).toMatchObject([{ code: 'ERR_BGTASK_PERMISSION' }])
    expect((await pool.record(task.pid))?.info.meta).toEqual({})
  })

  test("that names the user's own process says nothing of a socket of root's", async () => {
    const pool = makePool({ access: { owners: [BOB] } })
    const { pid } = await processOf({ real: BOB, effective: BOB })
    const task = await spawnTask(pool)
    linkSync(pool.socketPath(task.pid), pool.socketPath(pid))
    chownSync(writeRecord(pool.path, recordOf(pid, { meta: { name: 'forged' } })), BOB, BOB)
    expect(await pool.search({ meta: { name: 'forged' } })).toEqual([])
  })
})
