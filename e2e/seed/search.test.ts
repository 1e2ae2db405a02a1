import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import type { TaskPattern, TaskPredicate } from '@bgtask/pool'
import type { JsonObject, TaskInfo } from '@bgtask/protocol'
import { supervisorCommand } from '@bgtask/supervisor/command'
import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { makePool, processesOf } from '../support/pools.js'

/** The seed's example processes; its `a`, `b` and `c` come from a supervisor of our own. Proc3 is one without them. */
const PROCESSES = {
  Proc1: { keys: { a: 1, c: [1, 2, 3] }, meta: { name: 'CoolProgram' } },
  Proc2: { keys: { a: 5, b: 5, c: 5 }, meta: {} },
  Proc3: { keys: {}, meta: {} },
}

test('search, as in the example, finds Proc1', async () => {
  const { pool, nameOf } = await exampleProcesses()
  const names = async (pattern: TaskPattern | TaskPredicate) => (await pool.search(pattern)).map(nameOf)

  expect(await names({ meta: { name: 'CoolProgram' } })).toEqual(['Proc1'])
  expect(await names((info) => (info.meta as { name?: string }).name === 'CoolProgram')).toEqual(['Proc1'])
  expect(await names((info) => (info.c as number[])[0] === 1)).toEqual(['Proc1'])
})

test('a pattern matches keys and values of the info, at any depth', async () => {
  const { pool, nameOf } = await exampleProcesses()
  const found: Record<string, string[]> = {}
  const patterns: Record<string, TaskPattern<JsonObject, Record<string, unknown>>> = {
    'a number': { a: 5 },
    'a key inside': { meta: { name: /^Cool/ } },
    'an array': { c: [1, 2, 3] },
    'an array, not a part of it': { c: [1, 2] },
    'a missing key': { missing: 1 },
    'another value': { a: 2 },
    'several keys': { a: 5, b: 5, behavior: 'daemon' },
    'several keys, one of them wrong': { a: 5, b: 6 },
    nothing: {},
  }
  for (const [title, pattern] of Object.entries(patterns)) {
    found[title] = (await pool.search(pattern)).map(nameOf).sort()
  }
  expect(found).toEqual({
    'a number': ['Proc2'],
    'a key inside': ['Proc1'],
    'an array': ['Proc1'],
    'an array, not a part of it': [],
    'a missing key': [],
    'another value': [],
    'several keys': ['Proc2'],
    'several keys, one of them wrong': [],
    nothing: ['Proc1', 'Proc2', 'Proc3'],
  })
})

test('a predicate that throws on a missing key does not match', async () => {
  const { pool, nameOf } = await exampleProcesses()
  const died: string[] = []
  const isProc1 = (info: TaskInfo) => {
    try {
      return (info.c as number[])[0] === 1
    } catch (error) {
      died.push((error as Error).name)
      throw error
    }
  }
  expect((await pool.search(isProc1)).map(nameOf)).toEqual(['Proc1'])
  // Proc3 has no c.
  expect(died).toEqual(['TypeError'])
  expect(await pool.search(() => Promise.reject(new Error('later')))).toEqual([])
})

test('the predicate gets the info as its first and only argument', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'sleep 1000', meta: { name: 'foo' } })
  const calls: unknown[][] = []
  await pool.search((...args) => calls.push(args) > 0)
  expect(calls).toEqual([
    [expect.objectContaining({ supervisorPid: task.pid, meta: { name: 'foo' }, state: 'running' })],
  ])
})

describe('taskByPid', () => {
  test('taskByPid returns the task of a supervisor', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    const found = await pool.taskByPid(task.pid)
    expect(await found?.info()).toEqual(await task.info())
  })

  test('taskByPid returns undefined if the process does not listen or does not exist', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    // This process exists and is no supervisor; the child too.
    expect(await pool.taskByPid(process.pid)).toBeUndefined()
    expect(await pool.taskByPid((await task.info()).pid ?? 0)).toBeUndefined()
    await task.terminateSupervisor()
    expect(await pool.taskByPid(task.pid)).toBeUndefined()
  })

  test('taskByPid returns undefined for the socket of a killed supervisor', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    process.kill(task.pid, 'SIGKILL')
    await eventually(() => !processesOf(pool.path).includes(task.pid))
    expect(await pool.taskByPid(task.pid)).toBeUndefined()
    expect(await pool.search()).toEqual([])
  })
})

async function exampleProcesses() {
  const pool = makePool()
  const names = new Map<number, string>()
  for (const [name, { keys, meta }] of Object.entries(PROCESSES)) {
    const program = join(import.meta.dirname, '../fixtures/abc-supervisor.mjs')
    pool.supervisorCmd = supervisorCommand([process.execPath, program, JSON.stringify(keys)])
    const task = await pool.spawn({ cmd: 'sleep 1000', meta })
    names.set(task.pid, name)
  }
  return { pool, nameOf: ({ pid }: Task) => names.get(pid) ?? `pid ${pid}` }
}
