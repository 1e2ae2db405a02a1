import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, lutimesSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordFileName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import { eventually, needs, pathOf } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isRefused } from '../../src/lost/is-refused.js'
import { makePool } from '../support/directory.js'
import { killSupervisor, spawnTask } from '../support/tasks.js'

// Tasks that live, or lived, where a reader's /proc does not show them as their record says.

const fixture = (name: string) => join(import.meta.dirname, '../fixtures', name)
const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const
const BOB = 12_002

/** What a reader finds that is started by `unshare` with these arguments. */
function lookFrom(pool: TaskPool, ...argv: string[]): { found: number[]; lost: number[]; swept: string[] } {
  const program = [process.execPath, fixture('look.js'), pool.path]
  return JSON.parse(execFileSync(pathOf('unshare'), [...argv, ...program], { encoding: 'utf8', cwd: '/' }))
}

/** As if the records had not changed for an hour. */
function age(pool: TaskPool): void {
  const at = Date.now() / 1000 - 3_600
  for (const name of readdirSync(pool.path)) lutimesSync(join(pool.path, name), at, at)
}

test('a task whose socket accepts is neither lost nor swept, whatever its record says', async () => {
  const pool = makePool()
  const task = await spawnTask(pool)
  const record = await pool.record(task.pid)
  const path = join(pool.path, recordFileName(task.pid, record?.info.taskId ?? ''))
  for (const wrong of [{ startTime: 1 }, { bootId: 'earlier' }, { pidNamespace: 'pid:[1]' }]) {
    const text = JSON.stringify({ ...record, child: null, supervisor: { ...record?.supervisor, ...wrong } })
    writeFileSync(path, text.replace('"running"', '"exited"'))
    age(pool)
    expect(await pool.lost()).toEqual([])
    expect(await pool.sweep({ olderThanMs: 1 })).toEqual([])
  }
  expect((await pool.search()).map(({ pid }) => pid)).toEqual([task.pid])
})

describe.runIf(needs('root', 'unshare', 'setpriv'))('a living task', () => {
  test('is not lost for a user from whom hidepid hides it, also while its socket is gone', async () => {
    const pool = makePool({ access: { mode: 0o666 } })
    chmodSync(pool.path, 0o755)
    const task = await spawnTask(pool)
    const hide = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    const bob = [pathOf('setpriv'), `--reuid=${BOB}`, `--regid=${BOB}`, '--clear-groups']
    const look = () => lookFrom(pool, '--mount', '/bin/sh', '-c', hide, 'sh', ...bob)
    expect(look()).toEqual({ found: [task.pid], lost: [], swept: [] })
    execFileSync('mv', [pool.socketPath(task.pid), `${pool.path}/x`])
    expect(look()).toEqual({ found: [], lost: [], swept: [] })
    execFileSync('mv', [`${pool.path}/x`, pool.socketPath(task.pid)])
  })

  test('is not lost in another time namespace, also while its socket is gone', async () => {
    const pool = makePool()
    const task = await spawnTask(pool)
    const look = () => lookFrom(pool, '--time', '--boottime', '1000000', '--fork')
    expect(look()).toEqual({ found: [task.pid], lost: [], swept: [] })
    execFileSync('mv', [pool.socketPath(task.pid), `${pool.path}/x`])
    expect(look()).toEqual({ found: [], lost: [], swept: [] })
    execFileSync('mv', [`${pool.path}/x`, pool.socketPath(task.pid)])
  })

  test('that is an orphan is not swept in another time namespace', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'exec env -i sleep 1000', stdin: 'null' })
    await killSupervisor(task)
    const [lost] = await pool.lost()
    onTestFinished(async () => void (await lost?.stop({ steps: KILL })))
    expect(lookFrom(pool, '--time', '--boottime', '1000000', '--fork')).toMatchObject({ lost: [task.pid] })
    expect(lost?.state).toBe('orphaned')
    expect(readdirSync(pool.path).filter((name) => name.endsWith('.json'))).toHaveLength(1)
  })
})

describe.runIf(needs('root', 'unshare'))('in a container of the same machine', () => {
  /** Starts one, in whose pool a task is spawned, and gives the supervisor's pid there. */
  async function startContainer(pool: TaskPool, ...args: string[]): Promise<{ pid: number; init: ChildProcess }> {
    const program = [
      '/bin/sh',
      '-c',
      '"$@"; exit',
      'sh',
      process.execPath,
      fixture('orphan-in-container.js'),
      pool.path,
    ]
    const argv = ['--pid', '--fork', '--mount-proc', '--kill-child', ...program, ...args]
    const init = spawn(pathOf('unshare'), argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => endContainer(init))
    const [line] = await once(init.stdout, 'data')
    return { pid: Number(line), init }
  }

  async function endContainer(init: ChildProcess): Promise<void> {
    if (init.exitCode !== null || init.signalCode !== null) return
    const exited = once(init, 'exit')
    init.kill('SIGKILL')
    await exited
  }

  test('a task that lives is not lost, however old its record', async () => {
    const pool = makePool()
    const { pid } = await startContainer(pool)
    age(pool)
    expect((await pool.search()).map((task) => task.pid)).toEqual([pid])
    expect(await pool.lost()).toEqual([])
    expect(await pool.sweep({ olderThanMs: 1 })).toEqual([])
  })

  test('a task that the end of the container ended is lost after a minute, and removed where an age is given', async () => {
    const pool = makePool()
    const { pid, init } = await startContainer(pool)
    await endContainer(init)
    await eventually(() => isRefused(pool.socketPath(pid)))
    // The supervisor may be just starting, for all that can be seen.
    expect(await pool.lost()).toEqual([])
    age(pool)
    expect(await pool.lost()).toMatchObject([{ pid, reason: 'silent', state: 'lost' }])
    const names = readdirSync(pool.path).sort()
    expect(await pool.sweep()).toEqual([])
    expect((await pool.sweep({ olderThanMs: 1 })).sort()).toEqual(names)
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('is forgotten with its socket and log when it is removed', async () => {
    const pool = makePool()
    const { pid, init } = await startContainer(pool)
    await endContainer(init)
    await eventually(() => isRefused(pool.socketPath(pid)))
    age(pool)
    await (await pool.lost())[0]?.remove()
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('a child whose supervisor was killed there is found from outside, kept by a sweep, and can be stopped', async () => {
    const pool = makePool()
    const { pid } = await startContainer(pool, 'orphan')
    await eventually(() => isRefused(pool.socketPath(pid)))
    age(pool)
    const [lost] = await pool.lost()
    expect(lost).toMatchObject({ pid, reason: 'silent', state: 'orphaned' })
    await pool.sweep({ olderThanMs: 1 })
    expect(readdirSync(pool.path)).toEqual([recordFileName(pid, lost?.taskId ?? '')])
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    expect(lost?.state).toBe('lost')
  })

  test('without a /proc of its own pids are not looked up in the one of others', async () => {
    const pool = makePool()
    const program = ['/bin/sh', '-c', '"$@"; exit', 'sh', process.execPath, fixture('foreign-proc.js'), pool.path]
    const argv = ['--pid', '--fork', '--kill-child', ...program]
    expect(JSON.parse(execFileSync(pathOf('unshare'), argv, { encoding: 'utf8' }))).toEqual({
      pids: [true, true],
      startTimes: [null, null],
      found: [true],
      lostWhileItRuns: 0,
      sweptWhileItRuns: [],
      survivors: [],
      // Fresh pipes cannot be had without /proc.
      stdio: expect.stringMatching(/pipe|socket/),
      orphan: { state: 'orphaned', swept: [], left: [true] },
      ended: 'lost',
    })
  })
})
