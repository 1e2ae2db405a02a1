import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import type { LostTask, SearchEntry, SpawnOptions, TaskPool } from '@bgtask/pool'
import type { BgTaskError } from '@bgtask/protocol'
import { eventually, isAlive, needs, pathOf, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { idleProcess, kill, recordOf, writeRecord } from '../support/records.js'
import { killSupervisor, spawnTask } from '../support/tasks.js'

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

/** A program in Python whose main thread ends while another one runs. */
const END_MAIN =
  'import ctypes, os, threading, time; threading.Thread(target=time.sleep, args=(1000,)).start(); print("p=%d" % os.getpid(), flush=True); ctypes.CDLL(None).pthread_exit(None)'

/** A task whose supervisor was killed, where that is given not before the child has said it. What it leaves behind ends with the test. */
async function orphan(
  pool: TaskPool,
  options: SpawnOptions,
  killedAfter?: string,
): Promise<{ task: Task; childPid: number; lost: LostTask }> {
  const task = await spawnTask(pool, options)
  const { pid } = await task.info()
  if (killedAfter !== undefined) await task.stdout.waitFor(killedAfter)
  await killSupervisor(task)
  const lost = (await pool.lost()).find(({ pid }) => pid === task.pid) as LostTask
  onTestFinished(async () => void (await lost.stop({ steps: KILL })))
  return { task, childPid: pid as number, lost }
}

describe('a supervisor that was killed', () => {
  test('leaves an orphan that is told of, runs on, and can be stopped with its tree', async () => {
    const pool = makePool()
    const directory = tempDir()
    const grandchild = `${directory}/grandchild`
    const cmd = `setsid sh -c 'echo $$ > ${grandchild}; exec sleep 1000' & sleep 1000`
    const { task, childPid, lost } = await orphan(pool, { cmd, meta: { name: 'orphan' } })
    await eventually(() => existsSync(grandchild) && readFileSync(grandchild, 'utf8').endsWith('\n'))
    const grandchildPid = Number(readFileSync(grandchild, 'utf8'))

    expect(await pool.search()).toEqual([])
    expect(await pool.taskByPid(task.pid)).toBeUndefined()
    expect(lost).toMatchObject({
      pid: task.pid,
      state: 'orphaned',
      info: { state: 'orphaned', meta: { name: 'orphan' } },
    })
    expect((await pool.record(task.pid))?.info.taskId).toBe(lost.taskId)
    expect([childPid, grandchildPid].map(isAlive)).toEqual([true, true])

    expect(await lost.stop()).toEqual([])
    expect([childPid, grandchildPid].map(isAlive)).toEqual([false, false])
    expect(lost.state).toBe('lost')
    expect((await pool.lost()).map(({ state }) => state)).toEqual(['lost'])
    await lost.remove()
    await lost.remove()
    expect(await pool.lost()).toEqual([])
    expect(await pool.record(task.pid)).toBeUndefined()
    // Socket and log too: without a record nobody could tell that they are stale.
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('leaves an orphan whose stop ends with its deadline or an abort, though not before the first signal', async () => {
    const ignoring = [{ killSignal: 'WINCH', waitMs: 60_000 }] as const
    const { lost } = await orphan(makePool(), { exec: ['sleep', '1000'] })
    await expect(lost.stop({ steps: ignoring, timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_BGTASK_TIMEOUT',
      timeoutMs: 20,
    })
    const controller = new AbortController()
    const stopped = lost.stop({ steps: ignoring, signal: controller.signal })
    controller.abort('enough')
    await expect(stopped).rejects.toBe('enough')
    await expect(lost.stop({ signal: AbortSignal.abort('no') })).rejects.toBe('no')
    await expect(lost.stop({ steps: [] })).rejects.toMatchObject({ option: 'steps' })
    expect(lost.state).toBe('orphaned')
  })

  test('loses no exit that was on record', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'exit 7' })
    await task.wait()
    await killSupervisor(task)
    const [lost] = await pool.lost()
    expect(lost).toMatchObject({ state: 'lost', info: { state: 'lost', exitStatus: { exitCode: 7, cause: 'exit' } } })
    expect((await pool.record(task.pid))?.info).toMatchObject({ state: 'exited', exitStatus: { exitCode: 7 } })
    await expect(task.info()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  })

  test('stops an orphan by the steps that are given, and tells of survivors', async () => {
    const pool = makePool()
    const { childPid, lost } = await orphan(pool, { cmd: `trap '' TERM; echo deaf; while :; do sleep 1; done` }, 'deaf')
    const survivors = await lost.stop({ steps: [{ killSignal: 'TERM', waitMs: 50 }] })
    expect(survivors.map(({ pid }) => pid)).toContain(childPid)
    await expect(lost.stop({ steps: [{ killSignal: 'NONE' as never, waitMs: 1 }] })).rejects.toMatchObject({
      option: 'steps.0.killSignal',
    })
    await expect(lost.stop({ signal: AbortSignal.abort('no') })).rejects.toBe('no')
    expect(lost.state).toBe('orphaned')
    expect(await lost.stop({ steps: [{ killSignal: 9, waitMs: 5_000 }] })).toEqual([])
  })

  // Its state was that of its child, of the survivors on record, and of carriers of the cookie as `/proc/PID/environ` shows them.
  test.each<[title: string, leftover: string]>([
    [
      'whose environment is cleared and which holds a pipe of the task',
      `env -i setsid sh -c 'echo p=$$; exec sleep 1000'`,
    ],
    ...(needs('python3')
      ? ([
          ['whose main thread has ended and which carries the cookie', `setsid ${pathOf('python3')} -c '${END_MAIN}'`],
        ] satisfies [string, string][])
      : []),
  ])('is orphaned as long as a process runs that its child left behind, %s', async (_, leftover) => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: `${leftover} & read _` })
    const match = await task.stdout.waitFor(/p=(\d+)\n/)
    const pid = Number(match?.captures[0])
    await eventually(() => !leftover.includes(END_MAIN) || processStat(pid)?.state === 'Z')
    await task.stdin.write('\n')
    await task.wait()
    await killSupervisor(task)
    const [lost] = await pool.lost()
    expect(lost?.state).toBe('orphaned')
    await pool.sweep()
    expect((await pool.lost()).map((task) => task.state)).toEqual(['orphaned'])
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    await eventually(() => !isAlive(pid))
    expect(lost?.state).toBe('lost')
  })

  test('does not take others along when the pid of the child is somebody else now', async () => {
    const pool = makePool()
    const { pid: bystander } = await idleProcess({}, true)
    const supervisor = await idleProcess()
    const record = recordOf(supervisor.pid, {}, { child: { pid: bystander, startTime: 1 } })
    writeRecord(pool.path, record)
    await kill(supervisor)
    const [lost] = await pool.lost()
    expect(lost?.state).toBe('lost')
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    expect(isAlive(bystander)).toBe(true)
  })
})

test('what lives, and what only another machine or pid namespace can tell of, is not lost', async () => {
  const pool = makePool()
  await spawnTask(pool)
  const { pid } = await idleProcess()
  const place = recordOf(pid)
  writeRecord(pool.path, { ...recordOf(pid), supervisor: { ...place.supervisor, machineId: 'another', startTime: 1 } })
  writeRecord(pool.path, {
    ...recordOf(pid),
    supervisor: { ...place.supervisor, pidNamespace: 'pid:[1]', startTime: 1 },
  })
  expect(await pool.lost()).toEqual([])
  writeRecord(pool.path, { ...recordOf(pid), supervisor: { ...place.supervisor, bootId: 'earlier' } })
  expect((await pool.lost()).map(({ pid, state }) => ({ pid, state }))).toEqual([{ pid, state: 'lost' }])
})

test('a record that nobody wrote is undefined, a broken one no reason to fail', async () => {
  const pool = makePool()
  expect(await pool.record(process.pid)).toBeUndefined()
  writeFileSync(join(pool.path, `${process.pid}.0123456789abcdef.json`), '{')
  expect(await pool.record(process.pid)).toBeUndefined()
  expect(await pool.lost()).toEqual([])
  expect(readdirSync(pool.path)).toHaveLength(1)
})

test('a record that cannot be judged is told of, by whoever looks for what is lost', async () => {
  const pool = makePool()
  const { pid } = await idleProcess()
  execFileSync('mkfifo', [join(pool.path, '7.0123456789abcdef.json')])
  writeFileSync(join(pool.path, '8.0123456789abcdef.json'), JSON.stringify(recordOf(pid)))
  writeFileSync(join(pool.path, '9.0123456789abcdef.json'), '{')
  symlinkSync('/etc/passwd', join(pool.path, '10.0123456789abcdef.json'))
  writeRecord(pool.path, { ...recordOf(pid), supervisor: { ...recordOf(pid).supervisor, bootId: 'earlier' } })
  const errors: [pid: number, code: string][] = []
  const onError = (error: BgTaskError, entry: SearchEntry) => {
    expect(entry.path).toBe(pool.path)
    errors.push([entry.pid, error.code])
  }
  const expected = [
    [7, 'ERR_BGTASK_PROTOCOL'],
    [8, 'ERR_BGTASK_PROTOCOL'],
    [9, 'ERR_BGTASK_PROTOCOL'],
    [10, 'ERR_BGTASK_PERMISSION'],
  ]
  expect((await pool.lost({ onError })).map((lost) => lost.pid)).toEqual([pid])
  expect(errors.splice(0)).toEqual(expected)
  await pool.sweep({ onError })
  expect(errors).toEqual(expected)
  expect(readdirSync(pool.path)).toHaveLength(expected.length)
})

test('of several records of a pid the newest is told', async () => {
  const pool = makePool()
  for (const createdAt of [20, 30, 10]) writeRecord(pool.path, recordOf(process.pid, { createdAt }))
  expect((await pool.record(process.pid))?.info.createdAt).toBe(30)
})
