import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Task } from '@bgtask/client'
import { recordFileName } from '@bgtask/os'
import type { SearchEntry, TaskPattern, TaskPool, TaskPredicate } from '@bgtask/pool'
import type { BgTaskError, JsonObject } from '@bgtask/protocol'
import { RpcPeer } from '@bgtask/protocol/rpc'
import { needs } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { idleProcess, kill, recordOf, writeRecord } from '../support/records.js'

const EXAMPLE = [process.execPath, fileURLToPath(new URL('../fixtures/example-supervisor.js', import.meta.url))]

/** Starts the example supervisor with that info; it ends with the test. */
async function spawnExample(pool: TaskPool, info: object): Promise<Task> {
  pool.applySupervisorEnv({ EXAMPLE_INFO: JSON.stringify(info) })
  const task = await pool.spawn({ cmd: 'not run by this supervisor' })
  onTestFinished(async () => {
    await task.terminateSupervisor().catch(() => process.kill(task.pid, 'SIGKILL'))
    unlinkSync(pool.socketPath(task.pid))
  })
  return task
}

const pids = (tasks: Task[]) => tasks.map(({ pid }) => pid).sort()

describe("the seed's example", () => {
  test('finds processes by pattern and by predicate, top-level keys of their own included', async () => {
    const pool = makePool({ supervisorCmd: EXAMPLE })
    const proc1 = await spawnExample(pool, { a: 1, meta: { name: 'CoolProgram' }, c: [1, 2, 3] })
    const proc2 = await spawnExample(pool, { a: 5, b: 5, c: 5 })
    const searches: [TaskPattern<JsonObject, Record<string, unknown>> | TaskPredicate | undefined, Task[]][] = [
      [{ meta: { name: 'CoolProgram' } }, [proc1]],
      // proc2 has no meta: the predicate throws there, and that is no match.
      [(info) => (info.meta as { name: string }).name === 'CoolProgram', [proc1]],
      [(info) => (info.c as number[])[0] === 1, [proc1]],
      [{ a: 5, c: 5 }, [proc2]],
      [{ c: [1, 2, 3] }, [proc1]],
      [{ c: [1, 2] }, []],
      [{ a: (value: unknown) => typeof value === 'number' && value > 0 }, [proc1, proc2]],
      [{ meta: { name: /^Cool/ } }, [proc1]],
      [async (info) => info.b === 5, [proc2]],
      [{}, [proc1, proc2]],
      [undefined, [proc1, proc2]],
    ]
    for (const [pattern, expected] of searches) {
      expect(pids(await pool.search(pattern)), String(pattern)).toEqual(pids(expected))
    }
    const [found] = await pool.search<{ a: number }>({ a: 5 })
    expect(found?.cachedInfo).toMatchObject({ a: 5, b: 5, c: 5, supervisorPid: proc2.pid })
    expect(await (await pool.taskByPid(proc1.pid))?.info()).toMatchObject({ a: 1 })
  })
})

/** A socket at which this process listens for a pid. */
async function listenFor(pool: TaskPool, pid: number, onConnection = () => {}): Promise<Server> {
  const server = createServer(onConnection)
  server.listen(pool.socketPath(pid))
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}

/** A supervisor of another make in this process, whose info is what `getInfo` gives. */
async function answering(pool: TaskPool, pid: number, getInfo: () => unknown): Promise<void> {
  const server = await listenFor(pool, pid)
  server.on('connection', (socket) => {
    new RpcPeer(socket, { onRequest: getInfo })
  })
}

async function searchWithErrors(pool: TaskPool, pattern?: TaskPattern | TaskPredicate, timeoutMs?: number) {
  const errors: [pid: number, code: string][] = []
  const onError = (error: BgTaskError, entry: SearchEntry) => {
    expect(entry.path).toBe(pool.path)
    errors.push([entry.pid, error.code])
  }
  return { found: pids(await pool.search(pattern, { onError, timeoutMs })), errors }
}

describe('a search that records can answer', () => {
  test('connects to nobody', async () => {
    const pool = makePool()
    let connections = 0
    const { pid } = await idleProcess()
    await listenFor(pool, pid, () => {
      connections += 1
    })
    writeRecord(pool.path, recordOf(pid, { meta: { name: 'x' }, state: 'running' }))
    const { found, errors } = await searchWithErrors(pool, {
      meta: { name: 'x' },
      state: /run/,
      run: (run: number) => run > 0,
    })
    expect({ found, errors, connections }).toEqual({ found: [pid], errors: [], connections: 0 })
    const [task] = await pool.search({ supervisorPid: pid })
    expect(task?.cachedInfo).toMatchObject({ meta: { name: 'x' } })
    expect(await searchWithErrors(pool, { meta: { name: 'y' } })).toEqual({ found: [], errors: [] })
    expect(connections).toBe(0)
  })

  test('believes the record of the supervisor that lives, not of an earlier one with the same pid', async () => {
    const pool = makePool()
    const { pid } = await idleProcess()
    await listenFor(pool, pid)
    const earlier = recordOf(pid, { meta: { name: 'earlier' } })
    writeRecord(pool.path, { ...earlier, supervisor: { ...earlier.supervisor, startTime: 1 } })
    writeRecord(pool.path, recordOf(pid, { meta: { name: 'now' } }))
    expect((await searchWithErrors(pool, { meta: { name: 'now' } })).found).toEqual([pid])
    expect((await searchWithErrors(pool, { meta: { name: 'earlier' } })).found).toEqual([])
  })

  test('does not list a task without a socket: it is not ready, or gone', async () => {
    const pool = makePool()
    const { pid } = await idleProcess()
    writeRecord(pool.path, recordOf(pid))
    expect(await searchWithErrors(pool)).toEqual({ found: [], errors: [] })
  })

  test('does not list a task whose supervisor was killed, and tells of it', async () => {
    const pool = makePool()
    const server = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(process.argv[1], () => console.log())`,
      join(pool.path, 'new'),
    ])
    onTestFinished(() => kill(server))
    await once(server.stdout, 'data')
    const pid = server.pid as number
    execFileSync('mv', [join(pool.path, 'new'), pool.socketPath(pid)])
    writeRecord(pool.path, recordOf(pid))
    expect((await searchWithErrors(pool)).found).toEqual([pid])
    await kill(server)
    expect(await searchWithErrors(pool)).toEqual({ found: [], errors: [[pid, 'ERR_BGTASK_TASK_GONE']] })
    expect(await pool.taskByPid(pid)).toBeUndefined()
  })
})

describe('an entry that is no task costs the others nothing', () => {
  async function crowdedPool(): Promise<{ pool: TaskPool; good: number }> {
    const pool = makePool({ supervisorCmd: EXAMPLE })
    const good = await spawnExample(pool, { good: true })
    return { pool, good: good.pid }
  }
  const ODD = 4_000_000

  const plants: [title: string, plant: (pool: TaskPool) => unknown, code: string][] = [
    ['a file', (pool) => writeFileSync(pool.socketPath(ODD), ''), 'ERR_BGTASK_TASK_GONE'],
    ['a directory', (pool) => mkdirSync(pool.socketPath(ODD)), 'ERR_BGTASK_TASK_GONE'],
    ['a FIFO', (pool) => execFileSync('mkfifo', [pool.socketPath(ODD)]), 'ERR_BGTASK_TASK_GONE'],
    ['a link', (pool) => symlinkSync('/dev/log', pool.socketPath(ODD)), 'ERR_BGTASK_TASK_GONE'],
    ['a supervisor that is silent', (pool) => listenFor(pool, ODD), 'ERR_BGTASK_TIMEOUT'],
  ]
  test.each(plants)('%s is skipped, and told', async (_, plant, code) => {
    const { pool, good } = await crowdedPool()
    await plant(pool)
    const expected = { found: [good], errors: [[ODD, code]] }
    expect(await searchWithErrors(pool, (info) => info.good === true, 1_000)).toEqual(expected)
    expect(await searchWithErrors(pool, undefined, 1_000)).toEqual(expected)
  })

  const answers: [title: string, bytes: (id: number) => Buffer, code: string][] = [
    ['garbage', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), 'ERR_BGTASK_PROTOCOL'],
    ['a string for an info', (id) => Buffer.from([0x94, 1, id, 0xc0, 0xa1, 0x78]), 'ERR_BGTASK_PROTOCOL'],
    [
      'a promise of 4 GiB',
      (id) => Buffer.from([0x94, 1, id, 0xc0, 0xc6, 0xff, 0xff, 0xff, 0xff]),
      'ERR_BGTASK_PROTOCOL',
    ],
    [
      'depth',
      (id) => Buffer.concat([Buffer.from([0x94, 1, id, 0xc0]), Buffer.alloc(10_000, 0x91)]),
      'ERR_BGTASK_PROTOCOL',
    ],
    [
      'an error of its own',
      (id) => Buffer.from([0x94, 1, id, 0x81, 0xa4, ...Buffer.from('code'), 0xa1, 0x58, 0xc0]),
      'ERR_BGTASK_REMOTE',
    ],
  ]
  // Such a one made the whole search reject, as if the caller's pattern were wrong.
  const codes = ['ERR_BGTASK_INVALID_OPTION', 'ERR_BGTASK_TIMEOUT', 'ERR_BGTASK_TASK_GONE', 'ERR_BGTASK_PERMISSION']
  test.each(codes)('one that answers with the error %s is skipped, and told', async (code) => {
    const { pool, good } = await crowdedPool()
    await answering(pool, ODD, () => {
      throw Object.assign(new Error('so it says'), { code, option: 'pattern' })
    })
    const told = code === 'ERR_BGTASK_INVALID_OPTION' ? code : 'ERR_BGTASK_REMOTE'
    const expected = { found: [good], errors: [[ODD, told]] }
    expect(await searchWithErrors(pool)).toEqual(expected)
    expect(await searchWithErrors(pool, () => true)).toEqual(expected)
    await expect(pool.taskByPid(ODD)).rejects.toMatchObject({ code: told })
  })

  test('one whose info has wrong values is found with what can be believed of it', async () => {
    const { pool, good } = await crowdedPool()
    const hostile = {
      command: 5,
      state: '\u001b]52;c;aGk=\u0007',
      exitStatus: [],
      meta: 'x',
      taskId: {},
      run: -1,
      odd: true,
    }
    await answering(pool, ODD, () => hostile)
    expect(await searchWithErrors(pool)).toEqual({ found: [good, ODD].sort(), errors: [] })
    const [task] = await pool.search<{ odd: boolean }>({ odd: true })
    const least = { command: [], state: 'unknown', exitStatus: null, meta: {}, taskId: '', run: 0, supervisorPid: ODD }
    expect(task?.cachedInfo).toMatchObject(least)
    expect(task?.taskId).toBeUndefined()
    expect(await searchWithErrors(pool, { command: [] })).toMatchObject({ errors: [] })
  })

  test('a record whose info has wrong values is believed as far as it can be', async () => {
    const pool = makePool()
    const { pid } = await idleProcess()
    await listenFor(pool, pid)
    const wrong = { command: 5, state: '\u001b[2J', createdAt: 'x', meta: { name: 'y' } }
    writeRecord(pool.path, { ...recordOf(pid, wrong as never), uid: 'x', pipes: [1, 'pipe:[2]'] } as never)
    const [task] = await pool.search({ meta: { name: 'y' } })
    expect(task?.cachedInfo).toMatchObject({ command: [], state: 'unknown', createdAt: 0, supervisorPid: pid })
    expect(await pool.record(pid)).toMatchObject({ uid: process.getuid?.(), pipes: ['pipe:[2]'] })
  })

  test.each(answers)('one that answers with %s is skipped, and told', async (_, bytes, code) => {
    const { pool, good } = await crowdedPool()
    const server = await listenFor(pool, ODD)
    // The id of a request is the third value of its array.
    server.on('connection', (socket) =>
      socket.on('data', (data: Buffer) => socket.write(bytes(data[2] as number))).on('error', () => {}),
    )
    expect(await searchWithErrors(pool, undefined, 2_000)).toEqual({ found: [good], errors: [[ODD, code]] })
  })

  test('however many are silent, the others are found long before their time is up', async () => {
    const { pool, good } = await crowdedPool()
    const silent = Array.from({ length: 200 }, (_, index) => ODD + index)
    for (const pid of silent) await listenFor(pool, pid)
    // The one that is to be found would be asked last.
    renameSync(pool.socketPath(good), pool.socketPath(ODD + 300))
    onTestFinished(() => renameSync(pool.socketPath(ODD + 300), pool.socketPath(good)))
    const controller = new AbortController()
    const searching = pool.search(
      (info) => {
        if (info.good === true) controller.abort('found')
        return true
      },
      { signal: controller.signal, timeoutMs: 60_000 },
    )
    await expect(searching).rejects.toBe('found')
  })

  test('a record that cannot be believed is told, and its supervisor asked', async () => {
    const { pool, good } = await crowdedPool()
    writeFileSync(join(pool.path, recordFileName(good, '0123456789abcdef')), 'nonsense')
    expect(await searchWithErrors(pool)).toEqual({ found: [good], errors: [[good, 'ERR_BGTASK_PROTOCOL']] })
  })

  test.runIf(needs('root'))(
    'a socket of somebody else is never connected to, unless the owner is trusted',
    async () => {
      const { pool, good } = await crowdedPool()
      let connections = 0
      const server = await listenFor(pool, ODD, () => {
        connections += 1
      })
      server.on('connection', (socket) => socket.destroy())
      chownSync(pool.socketPath(ODD), 12345, 12345)
      expect(await searchWithErrors(pool)).toEqual({ found: [good], errors: [[ODD, 'ERR_BGTASK_PERMISSION']] })
      await expect(pool.taskByPid(ODD)).rejects.toMatchObject({
        code: 'ERR_BGTASK_PERMISSION',
        path: pool.socketPath(ODD),
      })
      expect(connections).toBe(0)
      const trusting = makePool({ path: pool.path, access: { owners: [12345] } })
      expect(await searchWithErrors(trusting)).toEqual({ found: [good], errors: [[ODD, 'ERR_BGTASK_TASK_GONE']] })
      expect(connections).toBe(1)
    },
  )
})

describe('taskByPid', () => {
  test('is undefined where nothing listens', async () => {
    expect(await makePool().taskByPid(process.pid)).toBeUndefined()
  })

  test('rejects where the supervisor does not answer in time', async () => {
    const pool = makePool()
    await listenFor(pool, process.pid)
    await expect(pool.taskByPid(process.pid, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
  })
})

describe('a search', () => {
  test('that is aborted rejects with the reason, at once', async () => {
    const pool = makePool()
    const server = await listenFor(pool, process.pid)
    const controller = new AbortController()
    server.once('connection', () => controller.abort('no need any more'))
    await expect(pool.search(() => true, { signal: controller.signal })).rejects.toBe('no need any more')
    await expect(pool.search({}, { signal: controller.signal })).rejects.toBe('no need any more')
  })

  test('gives tasks of the class of the pool', async () => {
    const pool = makePool()
    const { Task } = await import('@bgtask/client')
    class MyTask extends Task {}
    pool.taskClass = MyTask
    const { pid } = await idleProcess()
    await listenFor(pool, pid)
    writeRecord(pool.path, recordOf(pid))
    const [task] = await pool.search()
    expect(task).toBeInstanceOf(MyTask)
    expect(task).toMatchObject({ pid, taskPool: pool })
  })
})
