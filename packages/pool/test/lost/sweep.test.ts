import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, lutimesSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { logFileName, recordFileName, socketFileName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import type { TaskRecord } from '@bgtask/protocol'
import { needs } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { idleProcess, kill, recordOf, writeRecord } from '../support/records.js'
import { killSupervisor, spawnTask } from '../support/tasks.js'

/** All files that a supervisor can have, with a socket at which nobody listens. */
async function writeFiles(pool: TaskPool, pid: number, record?: TaskRecord): Promise<string[]> {
  const [files, directory] = [[`.${pid}.f0L9e2`, `.${pid}.s`, logFileName(pid)], `.${pid}.aB3dE6`]
  for (const name of files) writeFileSync(join(pool.path, name), '')
  mkdirSync(join(pool.path, directory))
  await writeDeadSocket(join(pool.path, directory, 's'))
  const names = [...files, directory]
  await writeDeadSocket(join(pool.path, socketFileName(pid)))
  if (record !== undefined) writeRecord(pool.path, record)
  return [
    ...names,
    socketFileName(pid),
    ...(record === undefined ? [] : [recordFileName(pid, record.info.taskId)]),
  ].sort()
}

/** Node removes the path it listened at, so the socket is moved away meanwhile. */
async function writeDeadSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.x`)
  await once(server, 'listening')
  execFileSync('mv', [`${path}.x`, path])
  server.close()
  await once(server, 'close')
}

async function deadRecord(info: Parameters<typeof recordOf>[1] = {}, rest: Parameters<typeof recordOf>[2] = {}) {
  const supervisor = await idleProcess()
  const record = recordOf(supervisor.pid, info, rest)
  await kill(supervisor)
  return record
}

function age(pool: TaskPool, names: string[], ms: number): void {
  const at = (Date.now() - ms) / 1000
  for (const name of names) lutimesSync(join(pool.path, name), at, at)
}

describe('a sweep', () => {
  test('of a pool where all is well removes nothing', async () => {
    const pool = makePool()
    const task = await spawnTask(pool)
    const before = readdirSync(pool.path)
    expect(before).toHaveLength(3)
    expect(await pool.sweep()).toEqual([])
    expect(readdirSync(pool.path)).toEqual(before)
    expect((await task.info()).state).toBe('running')
  })

  test('removes all that a killed supervisor left, once nothing of its task runs', async () => {
    const pool = makePool()
    const task = await spawnTask(pool)
    await killSupervisor(task)
    const [lost] = await pool.lost()
    const record = recordFileName(task.pid, lost?.taskId ?? '')
    expect((await pool.sweep()).sort()).toEqual([logFileName(task.pid), socketFileName(task.pid)])
    // The child runs: whoever cleans up must still be able to find it.
    expect(readdirSync(pool.path)).toEqual([record])
    expect(await lost?.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })).toEqual([])
    expect(await pool.sweep()).toEqual([record])
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('keeps the record of a task of which something survived the stop', async () => {
    const pool = makePool()
    const { pid } = await idleProcess()
    const { startTime } = recordOf(pid).supervisor
    const survivors = [{ pid, startTime: startTime ?? 0, command: 'sleep' }]
    const record = await deadRecord({ exitStatus: { exitCode: null, signal: 'SIGKILL', cause: 'stopped', survivors } })
    writeRecord(pool.path, record)
    expect(await pool.sweep()).toEqual([])
    expect((await pool.lost()).map(({ state }) => state)).toEqual(['orphaned'])
  })

  test('leaves what is younger than olderThanMs', async () => {
    const pool = makePool()
    const record = await deadRecord()
    const names = await writeFiles(pool, record.info.supervisorPid, record)
    expect(await pool.sweep({ olderThanMs: 60_000 })).toEqual([])
    age(pool, names, 120_000)
    expect((await pool.sweep({ olderThanMs: 60_000 })).sort()).toEqual(names)
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('gives files without a record time, since a supervisor may be about to start with them', async () => {
    const pool = makePool()
    const { info } = await deadRecord()
    const names = await writeFiles(pool, info.supervisorPid)
    expect(await pool.sweep()).toEqual([])
    age(pool, names, 59_000)
    expect(await pool.sweep()).toEqual([])
    age(pool, names, 61_000)
    expect((await pool.sweep()).sort()).toEqual(names)
  })

  test('leaves a log alone while a process has its pid: a supervisor may be starting there', async () => {
    const pool = makePool()
    const { pid } = await idleProcess()
    writeFileSync(pool.outputPath(pid), '')
    age(pool, [logFileName(pid)], 3_600_000)
    expect(await pool.sweep()).toEqual([])
  })

  test('leaves all that belongs to a socket at which somebody listens, with or without record, however busy', async () => {
    const pool = makePool()
    const { info, supervisor } = await deadRecord()
    const server = createServer().listen({ path: pool.socketPath(info.supervisorPid), backlog: 1 })
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    age(pool, [socketFileName(info.supervisorPid)], 3_600_000)
    expect(await pool.sweep()).toEqual([])
    const record = { ...recordOf(info.supervisorPid), supervisor }
    age(pool, [writeRecord(pool.path, record).slice(pool.path.length + 1)], 3_600_000)
    expect(await pool.lost()).toEqual([])
    expect(await pool.sweep()).toEqual([])
  })

  test('leaves what another machine or pid namespace may still use', async () => {
    const pool = makePool()
    for (const elsewhere of [{ machineId: 'another', bootId: 'another' }, { pidNamespace: 'pid:[1]' }]) {
      const record = await deadRecord()
      Object.assign(record.supervisor, elsewhere)
      age(pool, await writeFiles(pool, record.info.supervisorPid, record), 3_600_000)
    }
    expect(await pool.sweep()).toEqual([])
    expect(readdirSync(pool.path)).toHaveLength(12)
  })

  test('removes what is left of an earlier boot', async () => {
    const pool = makePool()
    const record = await deadRecord()
    Object.assign(record.supervisor, { bootId: 'earlier' })
    const names = await writeFiles(pool, record.info.supervisorPid, record)
    expect((await pool.sweep()).sort()).toEqual(names)
  })

  test('leaves a socket and log next to a record that cannot be read: it may be that of a supervisor that lives', async () => {
    const pool = makePool()
    const { info } = await deadRecord()
    const names = await writeFiles(pool, info.supervisorPid)
    writeFileSync(join(pool.path, recordFileName(info.supervisorPid, '0123456789abcdef')), '{')
    age(pool, names, 3_600_000)
    expect(await pool.sweep()).toEqual([])
  })

  test.runIf(needs('root'))("never touches somebody else's files", async () => {
    const pool = makePool({ access: { owners: [12345] } })
    const record = await deadRecord()
    const names = await writeFiles(pool, record.info.supervisorPid, record)
    for (const name of names) chownSync(join(pool.path, name), 12345, 12345)
    age(pool, names, 3_600_000)
    expect(await pool.sweep()).toEqual([])
    expect(readdirSync(pool.path).sort()).toEqual(names)
  })

  test('leaves a directory in which there is more than a socket that was being made', async () => {
    const pool = makePool()
    const record = await deadRecord()
    const name = `.${record.info.supervisorPid}.aB3dE6`
    writeRecord(pool.path, record)
    mkdirSync(join(pool.path, name))
    writeFileSync(join(pool.path, name, 'precious'), '')
    expect(await pool.sweep()).toEqual([recordFileName(record.info.supervisorPid, record.info.taskId)])
    expect(readdirSync(join(pool.path, name))).toEqual(['precious'])
  })

  test("does not touch files that are not the pool's", async () => {
    const pool = makePool()
    writeFileSync(join(pool.path, 'README'), '')
    age(pool, ['README'], 3_600_000)
    expect(await pool.sweep()).toEqual([])
  })
})
