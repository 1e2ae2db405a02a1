import { Task, type TaskPoolView } from '@bgtask/client'
import {
  defaultTaskPool,
  type LostTask,
  type MkdirIfMissing,
  type PoolEvent,
  type SearchEntry,
  TaskPool,
} from '@bgtask/pool'
import type { BgTaskError, JsonObject, Survivor, TaskRecord } from '@bgtask/protocol'
import { expectTypeOf, test } from 'vitest'

type EntryError = readonly [BgTaskError, SearchEntry]

class MyTask extends Task {
  readonly mine = true
}

class PickyTask extends Task {
  constructor(
    readonly pool: TaskPool,
    pid: number,
  ) {
    super(pool, pid)
  }
}

const pool = new TaskPool({ path: './foo', mkdirIfMissing: { mode: 0o755 } })

test('a pool gives tasks of its class', () => {
  expectTypeOf(pool).toEqualTypeOf<TaskPool<Task>>()
  const mine = new TaskPool({ path: './foo', taskClass: MyTask })
  expectTypeOf(mine).toEqualTypeOf<TaskPool<MyTask>>()
  expectTypeOf(mine.spawn({ cmd: 'date' })).resolves.toEqualTypeOf<MyTask>()
  expectTypeOf(mine.search()).resolves.toEqualTypeOf<MyTask[]>()
  expectTypeOf(mine.taskByPid(1)).resolves.toEqualTypeOf<MyTask | undefined>()
  expectTypeOf(mine.watch()).toEqualTypeOf<AsyncGenerator<PoolEvent<MyTask>, void, undefined>>()
  expectTypeOf(defaultTaskPool({ taskClass: MyTask })).toEqualTypeOf<TaskPool<MyTask>>()
  expectTypeOf(
    new TaskPool({ path: '/', taskClass: PickyTask }).spawn({ cmd: 'date' }),
  ).resolves.toEqualTypeOf<PickyTask>()
})

test('a pool is what a task asks for', () => {
  expectTypeOf(pool).toExtend<TaskPoolView>()
})

test('the directory tells of tasks that are gone', () => {
  expectTypeOf(pool.record(1)).resolves.toEqualTypeOf<TaskRecord | undefined>()
  expectTypeOf(pool.lost()).resolves.toEqualTypeOf<LostTask[]>()
  void pool.lost({ onError: (error, entry) => expectTypeOf([error, entry] as const).toEqualTypeOf<EntryError>() })
  void pool.sweep({ olderThanMs: 1, onError: (...told) => expectTypeOf(told).toEqualTypeOf<[...EntryError]>() })
  // @ts-expect-error nothing is waited for
  void pool.lost({ timeoutMs: 1 })
  expectTypeOf<LostTask['stop']>().returns.resolves.toEqualTypeOf<Survivor[]>()
})

test('all forms of mkdirIfMissing are taken, and no other', () => {
  new TaskPool({ path: '/', mkdirIfMissing: true })
  new TaskPool({ path: '/', mkdirIfMissing: [0o755, undefined, undefined] })
  // Under exactOptionalPropertyTypes, elements are `undefined` only if their type says so.
  expectTypeOf<[number, undefined, undefined]>().toExtend<MkdirIfMissing>()
  new TaskPool({ path: '/', mkdirIfMissing: [0o755] })
  // @ts-expect-error a bare mode
  new TaskPool({ path: '/', mkdirIfMissing: 0o755 })
})

test('options of a spawn are known by name and type', () => {
  void pool.spawn({
    exec: ['a', 'b'] as const,
    env: { A: undefined },
    behavior: 'background',
    meta: { deep: [{ er: null }] },
  })
  void pool.spawn({ cmd: 'a', stop: [{ killSignal: 'TERM', waitMs: 1 }], restart: { on: 'failure' } })
  // @ts-expect-error a typo
  void pool.spawn({ cmd: 'a', lockFile: '/l' })
  // @ts-expect-error not a behavior
  void pool.spawn({ cmd: 'a', behavior: 'demon' })
  // @ts-expect-error nothing to run
  void pool.spawn({})
  // @ts-expect-error one of both
  void pool.spawn({ cmd: 'a', exec: ['a'] })
  // @ts-expect-error a misspelt signal
  void pool.spawn({ cmd: 'a', stop: [{ killSignal: 'TREM', waitMs: 1 }] })
})

test('a pattern is a partial of the info, with leaves that decide', () => {
  void pool.search({ meta: { name: 'foo' }, state: 'running' })
  void pool.search({ meta: { name: /^foo/ }, run: (run) => run > 1, exitStatus: { exitCode: 0 } })
  void pool.search<{ region: { codes: number[] } }>({ region: { codes: [1, 2] }, state: 'running' })
  void pool.watch<{ region: string }>({ region: /^north/ })
  // @ts-expect-error a typo in the first level
  void pool.search({ sate: 'running' })
  // @ts-expect-error a typo in the second level
  void pool.search({ exitStatus: { exitcode: 0 } })
  // @ts-expect-error a typo in the streams
  void pool.search({ streams: { 1: { of: true } } })
  // @ts-expect-error a custom key that the caller has not named
  void pool.search({ region: 'north' })
  // @ts-expect-error the wrong type of a custom key
  void pool.search<{ region: string }>({ region: 7 })
  void pool.search((info) => info.state === 'running')
  void pool.search(async ({ meta }) => meta.name === 'foo')
  // @ts-expect-error not a state
  void pool.search({ state: 'sleeping' })
  // @ts-expect-error not a number
  void pool.search({ run: '1' })
})

interface JobMeta {
  name: string
  owner: { uid: number; groups: string[] }
}
declare const meta: JobMeta
class Job extends Task<JobMeta> {}

test('meta has the type that the pool is given', async () => {
  const jobs = new TaskPool<Task<JobMeta>>({ path: './foo' })
  const job = await jobs.spawn({ cmd: 'date', meta })
  expectTypeOf(job).toEqualTypeOf<Task<JobMeta>>()
  expectTypeOf((await job.info()).meta).toEqualTypeOf<JobMeta>()
  expectTypeOf(job.cachedInfo?.meta).toEqualTypeOf<JobMeta | undefined>()
  expectTypeOf(job.applyMeta({})).resolves.toEqualTypeOf<JobMeta>()
  void jobs.search({ meta: { name: /^import-/, owner: { groups: (groups) => groups.includes('wheel') } } })
  void jobs.search(({ meta }) => meta.owner.uid === 0)
  for await (const { info } of jobs.watch({ meta: { name: 'x' } })) expectTypeOf(info.meta).toEqualTypeOf<JobMeta>()
  // @ts-expect-error a typo in meta
  void jobs.search({ meta: { nmae: 'x' } })
  // @ts-expect-error an incomplete meta
  void jobs.spawn({ cmd: 'date', meta: { name: 'x' } })
  const { meta: ofClass } = await (await new TaskPool({ path: '/', taskClass: Job }).spawn({ cmd: 'date' })).info()
  expectTypeOf(ofClass).toEqualTypeOf<JobMeta>()
  expectTypeOf(Job.at('/pool/1.sock')).toEqualTypeOf<Job>()
})

test('any meta is accepted by a pool without a type for it, also that of an interface', async () => {
  const task = await pool.spawn({ cmd: 'date', meta })
  void pool.search({ meta })
  void task.applyMeta(meta)
  expectTypeOf((await task.info()).meta).toEqualTypeOf<JsonObject>()
  const takesAnyTask = (_: Task<object>) => {}
  takesAnyTask(task)
  takesAnyTask(await new TaskPool<Task<JobMeta>>({ path: '/' }).spawn({ cmd: 'date' }))
})
