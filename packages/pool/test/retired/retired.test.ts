import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Task } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { eventually } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { retire } from '../support/retired.js'
import { spawnTask } from '../support/tasks.js'

async function theTask(pool: TaskPool): Promise<Task> {
  const [task, ...more] = await pool.search()
  expect(more).toEqual([])
  if (task === undefined) throw new Error('no task was found')
  return task
}

describe('a retired task', () => {
  test.for<[string, object]>([
    ['without a pattern', {}],
    ['by meta', { meta: { name: 'old' } }],
    ['by its state', { state: 'exited' }],
    ['by a key that only whole infos have', { clientCount: 0, streams: { 1: { endOffset: 4 } } }],
    ['by a predicate', ({ meta }: { meta: { name: string } }) => meta.name === 'old'],
  ])('is found %s', async ([, pattern]) => {
    const pool = makePool()
    const { info } = retire(pool, { info: { meta: { name: 'old' } }, stdout: 'abc\n' })
    retire(pool, { info: { meta: { name: 'other' }, state: 'failed' } })
    const found = await pool.search(pattern)
    expect(found.map(({ taskId }) => taskId)).toContain(info.taskId)
    expect(found).toHaveLength(Object.keys(pattern).length === 0 && typeof pattern !== 'function' ? 2 : 1)
    expect(found.find(({ taskId }) => taskId === info.taskId)?.cachedInfo).toMatchObject({ retiredAt: 2_500 })
  })

  test('is found by its id, or the beginning of it', async () => {
    const pool = makePool()
    const { info } = retire(pool)
    expect((await pool.taskById(info.taskId))?.taskId).toBe(info.taskId)
    expect((await pool.taskById(info.taskId.slice(0, 8)))?.taskId).toBe(info.taskId)
    expect(await pool.taskByPid(info.supervisorPid)).toBeUndefined()
  })

  test('has its info, its exit and its output', async () => {
    const pool = makePool()
    retire(pool, { stdout: 'one\ntwo\n', info: { run: 3 } })
    const task = await theTask(pool)
    expect(await task.info()).toMatchObject({ state: 'exited', pid: null, retiredAt: 2_500, clientCount: 0 })
    expect(await task.wait()).toEqual({ exitCode: 0, signal: null, cause: 'exit', run: 3 })
    expect(await task.wait({ run: 2 })).toMatchObject({ run: 3 })
    expect(String((await task.stdout.read({ from: 4 })).data)).toBe('two\n')
    expect((await task.stdout.waitFor(/tw./))?.offset).toBe(4)
    const lines = []
    for await (const line of task.stdout.lines()) lines.push(line.gap ? line : line.line)
    expect(lines).toEqual(['one', 'two'])
    expect(await task.stderr.read()).toMatchObject({ eof: true, endOffset: 0 })
    expect(await task.stdout.discard()).toEqual({ firstOffset: 0, endOffset: 8 })
    expect(await task.stop()).toEqual({ exitStatus: { exitCode: 0, signal: null, cause: 'exit' }, survivors: [] })
  })

  test.for<[string, (task: Task) => Promise<unknown>]>([
    ['kill', (task) => task.kill()],
    ['applyMeta', (task) => task.applyMeta({ a: 1 })],
    ['stdin.write', (task) => task.stdin.write('x')],
    ['stdin.close', (task) => task.stdin.close()],
    ['stdout.close', (task) => task.stdout.close()],
    ['a wait for a run that there was not', (task) => task.wait({ run: 2 })],
    ['a restart without a kept spec', (task) => task.restart()],
  ])('does not support %s', async ([, call]) => {
    const pool = makePool()
    const { info } = retire(pool)
    const task = await theTask(pool)
    await expect(call(task)).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', taskId: info.taskId })
  })

  test('says which bytes are missing if its files lack them', async () => {
    const pool = makePool()
    const { info } = retire(pool, { stdout: 'abc\n' })
    const task = (await pool.taskById(info.taskId)) as Task
    rmSync(`${pool.path}/${info.taskId}.d`, { recursive: true })
    const got = []
    for await (const chunk of task.stdout.follow({ from: 0 })) got.push(chunk)
    expect(got).toEqual([{ gap: true, from: 0, to: 4 }])
  })

  test('is removed with its files by terminateSupervisor', async () => {
    const pool = makePool()
    retire(pool, { stdout: 'abc\n' })
    const task = await theTask(pool)
    expect(await task.terminateSupervisor()).toMatchObject({ survivors: [] })
    expect(readdirSync(pool.path)).toEqual([])
    expect(await pool.search()).toEqual([])
    await expect(task.info()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  })

  test('is neither lost nor swept', async () => {
    const pool = makePool()
    const { info } = retire(pool)
    expect(await pool.lost()).toEqual([])
    expect(await pool.sweep()).toEqual([])
    expect(existsSync(`${pool.path}/${info.taskId}.d`)).toBe(true)
  })

  test('is told from a later task whose supervisor has its pid', async () => {
    const pool = makePool()
    const living = await spawnTask(pool)
    const { info } = retire(pool, { info: { meta: { name: 'old' } } })
    const [before, after] = [info.supervisorPid, living.pid].map((pid) => `${pool.path}/${pid}.${info.taskId}.json`)
    renameSync(before as string, after as string)
    const record = JSON.parse(readFileSync(after as string, 'utf8'))
    record.supervisor.pid = record.info.supervisorPid = living.pid
    rmSync(after as string)
    writeFileSync(after as string, JSON.stringify(record))

    const found = await pool.search()
    expect(new Set(found.map(({ taskId }) => taskId))).toEqual(new Set([living.taskId, info.taskId]))
    const retired = found.find(({ taskId }) => taskId === info.taskId) as Task
    onTestFinished(() => retired.disconnect())
    expect(await retired.info()).toMatchObject({ meta: { name: 'old' } })
    await expect(retired.kill('KILL')).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
    expect((await living.info()).state).toBe('running')
    await retired.terminateSupervisor()
    expect((await living.info()).state).toBe('running')
    expect((await pool.search()).map(({ taskId }) => taskId)).toEqual([living.taskId])
  })

  test('is seen by a watch, until it is removed', async () => {
    const pool = makePool()
    const first = retire(pool)
    const controller = new AbortController()
    const events = pool.watch({}, { signal: controller.signal })
    const next = async () => {
      const { value } = await events.next()
      return value && [value.type, value.task.taskId, value.info.retiredAt]
    }
    expect(await next()).toEqual(['appear', first.info.taskId, 2_500])
    const second = retire(pool)
    expect(await next()).toEqual(['appear', second.info.taskId, 2_500])
    await (await pool.taskById(first.info.taskId))?.terminateSupervisor()
    expect(await next()).toEqual(['gone', first.info.taskId, 2_500])
    await events.return()
  })
})

describe('prune', () => {
  const at = (retiredAt: number) => ({ info: { retiredAt }, stdout: 'x'.repeat(100) })

  test.for<[string, object, number[]]>([
    ['removes nothing without options', {}, []],
    ['keeps the newest', { keep: 2 }, [1_000]],
    ['removes all if none are to be kept', { keep: 0 }, [1_000, 2_000, Date.now() - 10]],
    ['removes what is too old', { olderThanMs: 60_000 }, [1_000, 2_000]],
    ['keeps the newest bytes', { maxBytes: 250 }, [1_000]],
  ])('%s', async ([, options, removed]) => {
    const pool = makePool()
    const retired = [2_000, 1_000, Date.now() - 10].map((time) => retire(pool, at(time)))
    const ids = await pool.prune(options)
    const times = ids.map((id) => retired.find(({ info }) => info.taskId === id)?.info.retiredAt as number)
    expect(times).toHaveLength(removed.length)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(readdirSync(pool.path)).toHaveLength(2 * (3 - removed.length))
  })

  test('leaves tasks with a supervisor, and lost ones', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'true', spool: { maxBytes: 65_536 } })
    await task.wait()
    expect(await pool.prune({ keep: 0 })).toEqual([])
    expect(await pool.search()).toHaveLength(1)
  })

  test('is done in passing by the spawns of a pool with a retention', async () => {
    const pool = makePool({ retention: { keep: 1 } })
    for (const time of [1_000, 2_000, 3_000]) retire(pool, at(time))
    await spawnTask(pool)
    await eventually(async () => (await pool.search({ state: 'exited' })).length === 1)
  })
})
