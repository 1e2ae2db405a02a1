import { once } from 'node:events'
import { chmodSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Task } from '@bgtask/client'
import type { PoolEvent, TaskPattern, TaskPool, TaskPredicate } from '@bgtask/pool'
import { RpcPeer } from '@bgtask/protocol/rpc'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { endTask, killSupervisor, spawnTask } from '../support/tasks.js'

const DEADLINE_MS = 15_000

/** Reads a watch event by event; each wait fails loudly when nothing comes. */
function reader(pool: TaskPool, pattern?: TaskPattern | TaskPredicate) {
  const events = pool.watch(pattern, { signal: AbortSignal.timeout(DEADLINE_MS) })
  onTestFinished(async () => void (await events.return()))
  const next = async () => (await events.next()).value as PoolEvent<Task>
  return {
    next,
    /** Reads on to an event that is meant, over changes that come in steps. */
    until: async (isMeant: (event: PoolEvent<Task>) => boolean) => {
      for (;;) {
        const event = await next()
        if (isMeant(event)) return event
      }
    },
  }
}

describe('a watch', () => {
  test('tells of a task as it appears, changes and goes', async () => {
    const pool = makePool()
    const { next, until } = reader(pool, { meta: { watched: true } })
    const first = next()
    const task = await spawnTask(pool, { cmd: 'sleep 1000', meta: { watched: true } })
    const appeared = await first
    expect(appeared).toMatchObject({ type: 'appear', task: { pid: task.pid }, info: { meta: { watched: true } } })

    await task.applyMeta({ progress: { done: 1 } })
    const changed = await until(({ info }) => (info.meta.progress as { done?: number })?.done === 1)
    expect(changed).toMatchObject({ type: 'change', task: { pid: task.pid } })
    expect(changed.task).toBe(appeared.task)

    await task.kill('KILL')
    expect(await until(({ info }) => info.state === 'exited')).toMatchObject({
      type: 'change',
      info: { exitStatus: { signal: 'SIGKILL' } },
    })
    await endTask(task)
    expect(await until(({ type }) => type === 'gone')).toMatchObject({ task: { pid: task.pid } })
  })

  test('tells first of the tasks that are there', async () => {
    const pool = makePool()
    const tasks = [await spawnTask(pool), await spawnTask(pool)]
    const { next } = reader(pool)
    const seen = [await next(), await next()]
    expect(seen.map(({ type }) => type)).toEqual(['appear', 'appear'])
    expect(seen.map(({ task }) => task.pid).sort()).toEqual(tasks.map(({ pid }) => pid).sort())
  })

  test('tells of a task that comes to match as appearing, and of one that no longer does as gone', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'sleep 1000', meta: { phase: 1 } })
    const { next } = reader(pool, (info) => info.meta.phase === 2)
    const appeared = next()
    await task.applyMeta({ phase: 2 })
    expect(await appeared).toMatchObject({ type: 'appear', info: { meta: { phase: 2 } } })
    await task.applyMeta({ phase: 3 })
    expect(await next()).toMatchObject({ type: 'gone', info: { meta: { phase: 2 } } })
  })

  test('tells of a task whose supervisor was killed, though its socket is still there', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'sleep 1000' })
    const { next } = reader(pool)
    expect((await next()).type).toBe('appear')
    await killSupervisor(task)
    expect(await next()).toMatchObject({ type: 'gone', task: { pid: task.pid } })
    for (const lost of await pool.lost()) await lost.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
  })

  test('leaves the tasks that it gave as they are when it ends', async () => {
    const pool = makePool()
    await spawnTask(pool, { cmd: 'sleep 1000' })
    for await (const { task } of pool.watch(undefined, { signal: AbortSignal.timeout(DEADLINE_MS) })) {
      const waiting = task.wait()
      setImmediate(() => void task.kill('KILL'))
      expect(await waiting).toMatchObject({ signal: 'SIGKILL' })
      break
    }
  })

  // It was told of as hung, and then nobody looked again: it never appeared.
  test('tells of a task whose supervisor did not answer in time as soon as it does', async () => {
    const pool = makePool()
    const task = await spawnTask(pool)
    process.kill(task.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(task.pid, 'SIGCONT'))
    const events = pool.watch(undefined, {
      signal: AbortSignal.timeout(DEADLINE_MS),
      onError: ({ code }, { pid }) => {
        expect([code, pid]).toEqual(['ERR_BGTASK_TIMEOUT', task.pid])
        process.kill(task.pid, 'SIGCONT')
      },
    })
    onTestFinished(async () => void (await events.return()))
    expect((await events.next()).value).toMatchObject({ type: 'appear', task: { pid: task.pid } })
  })

  // Each end was taken as a hint to look again, at once: thousands of connections a second, and as many complaints.
  test('leaves a supervisor that ends every connection alone for a while', async () => {
    const pool = makePool()
    let connections = 0
    const hostile = createServer((socket) => {
      connections += 1
      socket.on('error', () => {}).end(Buffer.from('ff', 'hex'))
    })
    await once(hostile.listen(pool.socketPath(2 ** 22 - 1)), 'listening')
    onTestFinished(() => void hostile.close())
    const start = performance.now()
    const { next } = reader(pool)
    const first = next()
    const task = await spawnTask(pool)
    expect(await first).toMatchObject({ type: 'appear', task: { pid: task.pid } })
    expect(connections).toBeGreaterThan(0)
    expect(connections).toBeLessThanOrEqual(2 + (performance.now() - start) / 1000)
  })

  // The answer was taken for a timeout of ours, after which the supervisor is asked again at once.
  test('asks a supervisor that answers with an error once', async () => {
    const pool = makePool()
    let asked = 0
    const hostile = createServer((socket) => {
      const onRequest = (method: string) => {
        if (method === 'getInfo') asked += 1
        throw Object.assign(new Error('so it says'), { code: 'ERR_BGTASK_TIMEOUT' })
      }
      new RpcPeer(socket, { onRequest })
    })
    await once(hostile.listen(pool.socketPath(2 ** 22 - 1)), 'listening')
    onTestFinished(() => void hostile.close())
    const { next } = reader(pool)
    const first = next()
    const task = await spawnTask(pool)
    expect(await first).toMatchObject({ type: 'appear', task: { pid: task.pid } })
    expect(asked).toBeLessThanOrEqual(1)
  })

  test('rejects with the reason of its signal', async () => {
    const controller = new AbortController()
    const events = makePool().watch(undefined, { signal: controller.signal })
    const next = events.next()
    controller.abort('seen enough')
    await expect(next).rejects.toBe('seen enough')
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test.each<[string, (path: string) => void]>([
    ['removed', (path) => rmSync(path, { recursive: true })],
    ['moved away', (path) => renameSync(path, `${path}-moved`)],
    ['made writable for everybody', (path) => chmodSync(path, 0o777)],
  ])('rejects when the directory is %s', async (_, spoil) => {
    const pool = makePool({ path: `${tempDir()}/pool`, mkdirIfMissing: true })
    const { next } = reader(pool)
    const event = next()
    await Promise.resolve()
    spoil(pool.path)
    await expect(event).rejects.toMatchObject({ code: 'ERR_BGTASK_POOL_DIR', path: pool.path })
  })

  test('rejects when a part of the pattern turns out to be no predicate', async () => {
    const pool = makePool()
    await spawnTask(pool)
    const { next } = reader(pool, { run: (async () => true) as never })
    await expect(next()).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option: 'pattern' })
  })
})
