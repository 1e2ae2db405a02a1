import { once } from 'node:events'
import { existsSync, linkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { Task, type TaskPoolView } from '@bgtask/client'
import { eventually, isAlive, processStat, tempDir } from '@bgtask/testkit'
import { expect, test, vi } from 'vitest'
import { customTask, secondView, spawnTask } from './support/tasks.js'

test('making a task does no I/O; a call where nothing listens says that it is gone', async () => {
  const path = join(tempDir(), '4321.sock')
  const task = Task.at(path)
  expect(task.pid).toBe(4321)
  await expect(task.info()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', path })
  await expect(task.connect()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', path })
})

test('the error of a wrong path says what is wrong with it', async () => {
  const directory = tempDir()
  const [file, stale] = [join(directory, 'file'), join(directory, '1.sock')]
  writeFileSync(file, '')
  const listener = await listening(stale, directory)
  expect(await messageOf(Task.at(join(directory, 'nothing')).info())).toMatch(/^no task listens at .*: no such file$/)
  expect(await messageOf(Task.at(join(file, '1.sock')).info())).toMatch(/^no task listens at .*: ENOTDIR/)
  expect(await messageOf(Task.at(file).info())).toMatch(/^no task listens at .*: it is not a socket$/)
  listener()
  expect(await messageOf(Task.at(stale).info())).toMatch(/^no task listens at .*: the socket has no listener$/)
})

async function messageOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(undefined, (error) => error)
  expect(error).toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  return error.message
}

/** Listens at a path; the returned function closes the listener and leaves the socket. */
async function listening(path: string, directory: string): Promise<() => void> {
  const server = createServer()
  const bound = join(directory, 'bound')
  await once(server.listen(bound), 'listening')
  linkSync(bound, path)
  return () => server.close()
}

test('a socket with a name of its own has no pid to tell', () => {
  expect(Task.at('/tmp/mine.sock').pid).toBeNaN()
})

test.each([
  ['outside a task', {}, undefined],
  ['without a supervisor', { BGTASK_TASKPOOL_PATH: '/pool' }, undefined],
  ['with a pid that is none', { BGTASK_TASKPOOL_PATH: '/pool', BGTASK_SUPERVISOR_PID: '-1' }, undefined],
  ['inside a task', { BGTASK_TASKPOOL_PATH: '/pool', BGTASK_SUPERVISOR_PID: '77' }, '/pool/77.sock'],
])('the current task is told by the environment: %s', (_, env, path) => {
  const task = Task.current(env)
  expect(task?.taskPool.socketPath(task.pid)).toBe(path)
})

test('a subclass makes tasks of its own class', () => {
  class Mine extends Task {}
  expect(Task.at.call(Mine as typeof Task, '/tmp/1.sock')).toBeInstanceOf(Mine)
  expect(Mine.current({ BGTASK_TASKPOOL_PATH: '/pool', BGTASK_SUPERVISOR_PID: '77' })).toBeInstanceOf(Mine)
})

test('info is asked afresh each time and kept as the info last seen', async () => {
  const task = await spawnTask({ cmd: 'read line', meta: { name: 'a' } })
  const first = await task.info()
  expect(first).toMatchObject({
    supervisorPid: task.pid,
    state: 'running',
    run: 1,
    meta: { name: 'a' },
    clientCount: 1,
  })
  await task.stdin.write('go\n')
  await task.wait()
  expect(await task.info()).toMatchObject({ state: 'exited', pid: null, exitStatus: { exitCode: 0 } })
  expect(task.cachedInfo).toMatchObject({ state: 'exited' })
})

test.each([['INT'], ['SIGINT'], [2]] as const)('signal %j reaches the child', async (killSignal) => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  expect(await task.kill(killSignal)).toBe(true)
  expect(await task.wait()).toEqual({ exitCode: null, signal: 'SIGINT', cause: 'signal', run: 1 })
  expect(await task.kill(killSignal)).toBe(false)
})

test('pause stops every process of the task, resume lets them go on', async () => {
  const task = await spawnTask({ cmd: 'sleep 1000 & echo $!; wait' })
  const grandchild = Number((await task.stdout.waitFor(/(\d+)\n/))?.captures[0])
  expect(await task.pause()).toBe(true)
  expect(await task.info()).toMatchObject({ state: 'paused' })
  await eventually(() => processStat(grandchild)?.state === 'T')
  expect(await task.resume()).toBe(true)
  expect(await task.info()).toMatchObject({ state: 'running' })
  await eventually(() => processStat(grandchild)?.state === 'S')
})

test('restart is refused while the child runs, and starts a further run when it has ended', async () => {
  const task = await spawnTask({ cmd: 'read line; exit "$line"' })
  expect(await task.restart()).toBe(false)
  await task.stdin.write('3\n')
  expect(await task.wait()).toMatchObject({ exitCode: 3, run: 1 })
  expect(await task.restart()).toBe(true)
  await task.stdin.write('4\n')
  expect(await task.wait({ run: 2 })).toMatchObject({ exitCode: 4, run: 2 })
})

test('the end of an earlier run is still told while a later one goes on', async () => {
  const task = await spawnTask({ cmd: 'read -r code; exit "$code"' })
  await task.stdin.write('3\n')
  await task.wait()
  await task.restart()
  expect(await task.wait({ run: 1 })).toEqual({ exitCode: 3, signal: null, cause: 'exit', run: 1 })
})

test('waiting for the end stops at a deadline or an abort, and where the supervisor dies', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  await expect(task.wait({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT', timeoutMs: 10 })
  const reason = new Error('enough')
  const controller = new AbortController()
  const aborted = expect(task.wait({ signal: controller.signal })).rejects.toBe(reason)
  const orphaned = expect(task.wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  const { pid: child } = await task.info()
  controller.abort(reason)
  await aborted
  process.kill(task.pid, 'SIGKILL')
  process.kill(child as number, 'SIGKILL')
  await orphaned
})

test('stop ends the child by the steps given; the supervisor stays with what it kept', async () => {
  const task = await spawnTask({ cmd: 'trap "echo int; exit 9" INT; echo ready; while :; do sleep 0.05; done' })
  await task.stdout.waitFor('ready')
  const stopped = await task.stop({ steps: [{ killSignal: 'INT', waitMs: 10_000 }] })
  expect(stopped).toMatchObject({ exitStatus: { exitCode: 9, signal: null, cause: 'stopped' }, survivors: [] })
  expect(await task.stdout.waitFor('int')).toMatchObject({ text: 'int' })
  expect(await task.info()).toMatchObject({ state: 'exited' })
})

test('terminateSupervisor resolves when supervisor, child and socket are gone; then every call says so', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const { pid: child } = await task.info()
  const result = await task.terminateSupervisor()
  expect(result).toMatchObject({ exitStatus: { signal: 'SIGTERM', cause: 'stopped' }, survivors: [] })
  expect(existsSync(task.taskPool.socketPath(task.pid))).toBe(false)
  expect(isAlive(child as number)).toBe(false)
  await eventually(() => !isAlive(task.pid))
  await expect(task.info()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  await expect(task.terminateSupervisor()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
})

test('wait resolves with the exit that terminateSupervisor of the same object has reported', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'], restart: { on: 'never' } })
  await task.restart({ stop: true })
  const { exitStatus } = await task.terminateSupervisor()
  expect(exitStatus).toEqual({ exitCode: null, signal: 'SIGTERM', cause: 'stopped' })
  expect(await task.wait()).toEqual({ ...exitStatus, run: 2 })
  expect(await task.wait({ run: 2 })).toEqual({ ...exitStatus, run: 2 })
  await expect(task.wait({ run: 3 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  await expect(secondView(task).wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
})

test('two who terminate at once both get the outcome', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const other = secondView(task)
  await other.connect()
  const outcomes = await Promise.all([task.terminateSupervisor(), other.terminateSupervisor()])
  expect(outcomes.map(({ exitStatus }) => exitStatus?.signal)).toEqual(['SIGTERM', 'SIGTERM'])
})

test('applyMeta merges, deletes with null, and gives the whole; progress is a part of meta', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'], meta: { name: 'a', deep: { x: 1, y: 2 } } })
  expect(await task.applyMeta({ deep: { y: null, z: [1] } })).toEqual({ name: 'a', deep: { x: 1, z: [1] } })
  await task.progress({ done: 1, total: 10, text: 'begun' })
  await task.progress({ done: 2, text: undefined })
  const { meta } = await secondView(task).info()
  expect(meta).toEqual({ name: 'a', deep: { x: 1, z: [1] }, progress: { done: 2, total: 10, text: 'begun' } })
  await expect(task.applyMeta({ when: new Date() } as never)).rejects.toMatchObject({ option: 'patch' })
})

test('a task can be controlled from inside, by what it was given in its environment', async () => {
  const job = join(import.meta.dirname, 'fixtures/current-task.mjs')
  const task = await spawnTask({ exec: [process.execPath, job], meta: { name: 'job' } })
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
  expect((await task.info()).meta).toEqual({ name: 'job', progress: { done: 1, total: 2, text: 'half' } })
})

// A job that is quick found nothing there, since the socket gets its name when the child has been started.
test('a job reaches its supervisor before the socket has its name, and nobody else does', async () => {
  const launching = await customTask({ getInfo: () => ({ state: 'running' }) }, '.4321.s')
  const directory = dirname(launching.taskPool.socketPath(4321))
  const env = { BGTASK_TASKPOOL_PATH: directory, BGTASK_SUPERVISOR_PID: '4321' }
  const job = Task.current(env)
  expect(await job?.info()).toMatchObject({ state: 'running' })
  job?.disconnect()
  const gone = { code: 'ERR_BGTASK_TASK_GONE', path: join(directory, '4321.sock') }
  await expect(Task.at(gone.path).info()).rejects.toMatchObject(gone)
  await expect(Task.current({ ...env, BGTASK_SUPERVISOR_PID: '4322' })?.info()).rejects.toMatchObject({
    code: gone.code,
    path: join(directory, '4322.sock'),
  })
})

test('a stream is had by number and by name', () => {
  const task = Task.at('/nowhere/1.sock')
  expect([0, 'stdin', 1, 'stdout', 2, 'stderr'].map((key) => task.stream(key as 0))).toEqual([
    task.stdin,
    task.stdin,
    task.stdout,
    task.stdout,
    task.stderr,
    task.stderr,
  ])
  expect(() => task.stream(3 as 0)).toThrow(/stream must be/)
})

test('the pool is only asked where the socket is', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const view: TaskPoolView = { socketPath: (pid) => task.taskPool.socketPath(pid) }
  const other = new Task(view, task.pid)
  expect((await other.info()).taskId).toBe((await task.info()).taskId)
  other.disconnect()
})

test('what was meant for the child is not done when the caller gave up before', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const reason = new Error('changed my mind')
  await expect(task.kill('KILL', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(await task.info()).toMatchObject({ state: 'running' })
})

test('a supervisor that went silent: a call ends with its deadline, a stop when it is asked and does not answer', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  await task.info()
  process.kill(task.pid, 'SIGSTOP')
  try {
    await expect(task.info({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
    const unconnected = secondView(task)
    await expect(unconnected.info({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
    vi.useFakeTimers()
    const stopped = expect(task.stop()).rejects.toMatchObject({
      code: 'ERR_BGTASK_TIMEOUT',
      what: expect.stringMatching(/^getInfo of the task at /),
    })
    await vi.advanceTimersByTimeAsync(20_000)
    await stopped
  } finally {
    vi.useRealTimers()
    process.kill(task.pid, 'SIGCONT')
  }
})
