import { readdirSync, rmSync } from 'node:fs'
import type { Task } from '@bgtask/client'
import type { SpawnOptions, TaskPool } from '@bgtask/pool'
import { eventually, isAlive } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { endTask } from '../support/tasks.js'

/** A pool whose tasks retire at once, and are removed with the test. */
function poolOfRetirees(options = {}): TaskPool {
  const pool = makePool({ spool: { maxBytes: 1024 * 1024 }, lingerMs: 0, ...options })
  onTestFinished(async () => {
    for (const task of await pool.search()) await endTask(task)
  })
  return pool
}

/** A task that has ended, and whose supervisor has left. */
async function retired(pool: TaskPool, options: SpawnOptions): Promise<Task> {
  const task = await pool.spawn(options)
  await task.wait()
  await eventually(() => !isAlive(task.pid))
  return task
}

describe('a task whose supervisor retires', () => {
  test('is spawned, waited for and read as any other, however early it retires', async () => {
    const pool = poolOfRetirees()
    const tasks = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => pool.spawn({ cmd: `echo ${i}; exit ${i}` })))
    for (const [place, task] of tasks.entries()) {
      expect(await task.wait()).toMatchObject({ exitCode: place + 1 })
      expect(String((await task.stdout.read()).data)).toBe(`${place + 1}\n`)
    }
    await eventually(() => tasks.every(({ pid }) => !isAlive(pid)))
    expect((await pool.search({ state: 'exited' })).map(({ taskId }) => taskId).sort()).toEqual(
      tasks.map(({ taskId }) => taskId).sort(),
    )
  })

  test('goes on for a handle, and for one that a search has found, when it has retired', async () => {
    const pool = poolOfRetirees()
    const task = await retired(pool, { cmd: 'echo out; echo err >&2', meta: { name: 'old' } })
    const [found] = await pool.search({ meta: { name: 'old' } })
    for (const handle of [task, found as Task]) {
      expect(await handle.info()).toMatchObject({ state: 'exited', retiredAt: expect.any(Number), pid: null })
      expect(await handle.wait()).toMatchObject({ exitCode: 0, run: 1 })
      const chunks = []
      for await (const chunk of handle.output.follow()) chunks.push(chunk.gap ? 'gap' : `${chunk.stream} ${chunk.data}`)
      expect(chunks.sort()).toEqual(['stderr err\n', 'stdout out\n'])
      await expect(handle.kill()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
    }
    expect(readdirSync(pool.path).filter((name) => name.endsWith('.sock'))).toEqual([])
  })

  test('is started again with its own program and offsets that go on, also for other handles', async () => {
    const pool = poolOfRetirees()
    const task = await retired(pool, { cmd: 'echo run by $NAME', env: { NAME: 'me' } })
    const [other] = (await pool.search()) as [Task]
    const { endOffset } = await task.stdout.info()
    const { pid } = task
    expect(await task.restart()).toBe(true)
    expect(task.pid).not.toBe(pid)
    expect(await task.wait()).toMatchObject({ run: 2, exitCode: 0 })
    expect((await task.stdout.read({ from: endOffset })).data.length).toBe(endOffset)
    await eventually(() => !isAlive(task.pid))
    expect(await other.info()).toMatchObject({ run: 2, restarts: 1 })
    expect(other.pid).toBe(task.pid)
    const got = []
    for await (const chunk of other.stdout.follow()) got.push(chunk.gap ? 'gap' : String(chunk.data))
    expect(got.join('')).toBe('run by me\nrun by me\n')
    expect(readdirSync(pool.path).filter((name) => name.endsWith('.json'))).toHaveLength(1)
  })

  test('is started by one of many who restart it at once', async () => {
    const pool = poolOfRetirees()
    const task = await retired(pool, { cmd: '[ -e go ] && exec sleep 1000; touch go', cwd: pool.path })
    const handles = (await Promise.all([1, 2, 3].map(() => pool.search()))).flat()
    const results = await Promise.all(handles.map((handle) => handle.restart()))
    expect(results.filter(Boolean)).toHaveLength(1)
    for (const handle of handles) expect(await handle.info()).toMatchObject({ run: 2, state: 'running' })
    expect(new Set(handles.map(({ pid }) => pid)).size).toBe(1)
    await task.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
    rmSync(`${pool.path}/go`)
  })

  test('is not started again if its spec was not kept', async () => {
    const pool = poolOfRetirees()
    const task = await retired(pool, { cmd: 'true', keepSpec: false })
    await expect(task.restart()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  })

  test('does not retire under a follower that has not heard of the end', async () => {
    const pool = poolOfRetirees()
    const task = await pool.spawn({ cmd: 'for i in 1 2 3; do echo $i; sleep 0.05; done' })
    const got = []
    for await (const chunk of task.stdout.follow()) got.push(chunk.gap ? 'gap' : String(chunk.data))
    expect(got.join('')).toBe('1\n2\n3\n')
  })

  test('changes for a watch when it retires and is started again, and is gone when it is removed', async () => {
    const pool = poolOfRetirees()
    const events = pool.watch()
    const task = await pool.spawn({ cmd: '[ -e go ] && exec sleep 1000; touch go', cwd: pool.path })
    const until = async (
      isIt: (event: { type: string; info: { retiredAt?: unknown; run: number; state: string } }) => boolean,
    ) => {
      for (;;) {
        const { value } = await events.next()
        if (value === undefined) throw new Error('the watch ended')
        expect([value.task.taskId, value.type === 'appear' && value.info.run > 1]).toEqual([task.taskId, false])
        if (isIt(value)) return value
      }
    }
    await until(({ info }) => typeof info.retiredAt === 'number')
    await task.restart()
    await until(({ info, type }) => type === 'change' && info.run === 2 && info.state === 'running')
    await task.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
    await until(({ info }) => info.run === 2 && typeof info.retiredAt === 'number')
    await task.terminateSupervisor()
    expect((await until(({ type }) => type === 'gone')).info.run).toBe(2)
    await events.return()
    rmSync(`${pool.path}/go`)
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('is read without its files as far as they are there, if it had no spool', async () => {
    const pool = poolOfRetirees({ spool: null })
    const task = await retired(pool, { cmd: 'echo gone' })
    const got = []
    for await (const chunk of task.stdout.follow({ from: 0 })) got.push(chunk)
    expect(got).toEqual([{ gap: true, from: 0, to: 5 }])
  })
})
