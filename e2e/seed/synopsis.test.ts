import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { isAlive, processArgv, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { runCaller, taskOf } from '../support/callers.js'
import { endTasksAfterTest, expectNothingLeft, makePool } from '../support/pools.js'

test('the synopsis does what it says', async () => {
  const directory = tempDir()
  const path = join(directory, 'foo')
  const lockfile = join(directory, 'countdate.lock')
  endTasksAfterTest(path)

  const pool = new TaskPool({ path, mkdirIfMissing: [0o755, undefined, undefined] })
  expect(statSync(path).mode & 0o7777).toBe(0o755)

  const task = await pool.spawn({ cmd: 'while sleep 1; do date; done', lockfile, meta: { name: 'foo' } })
  const info = await task.info()
  expect(info).toMatchObject({ supervisorPid: task.pid, state: 'running', meta: { name: 'foo' }, lockfile })
  expect(processArgv(info.pid ?? 0)).toEqual(['/bin/sh', '-c', 'while sleep 1; do date; done'])
  expect((await task.stdout.waitFor(/\d\d:\d\d:\d\d.*\n/, { timeoutMs: 10_000 }))?.text).toMatch(/\d{4}/)

  const tasks = await pool.search({ meta: { name: 'foo' } })
  expect(tasks.map(({ pid }) => pid)).toEqual([task.pid])

  for (const found of tasks) await found.kill('INT')
  expect(await task.wait()).toMatchObject({ signal: 'SIGINT' })
  // The job has ended, its supervisor is still there to be asked.
  expect(await pool.taskByPid(task.pid)).toBeDefined()

  for (const found of tasks) await found.terminateSupervisor()
  expect(isAlive(task.pid)).toBe(false)
  expectNothingLeft(path, lockfile)
})

test('a pool is only a view of a directory', async () => {
  const pool = makePool()
  expect(readdirSync(pool.path)).toEqual([])
  const task = await pool.spawn({ cmd: 'sleep 1000' })
  const other = new TaskPool({ path: pool.path })
  expect((await other.search()).map(({ pid }) => pid)).toEqual([task.pid])
  // Nothing of the pool runs beside the tasks, and a pool that goes ends nothing.
  await pool.close()
  const [found] = await other.search()
  expect(await found?.terminateSupervisor()).toMatchObject({ survivors: [] })
  expectNothingLeft(pool.path)
})

test('tasks that one process creates are found by another', async () => {
  const path = tempDir()
  const { caller, infos } = await runCaller({ pool: { path }, tasks: [{ cmd: 'cat', meta: { n: 1 } }] })
  expect(await caller.exited).toEqual([0, null])
  const [found] = await new TaskPool({ path }).search({ meta: { n: 1 } })
  expect(found?.pid).toBe(infos?.[0]?.supervisorPid)
})

test('spawn returns a controller of the new process, which reads, writes to and ends it', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'while read line; do echo "got $line"; echo "no $line" >&2; done' })
  expect(task.taskPool).toBe(pool)
  await task.stdin.write('one\n')
  expect((await task.stdout.waitFor('got one\n', { timeoutMs: 10_000 }))?.text).toBe('got one\n')
  expect((await task.stderr.waitFor('no one\n', { timeoutMs: 10_000 }))?.text).toBe('no one\n')
  await task.stdin.close()
  expect(await task.wait()).toEqual({ exitCode: 0, signal: null, cause: 'exit', run: 1 })
})

test('a controller can be made again from the socket alone', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'sleep 1000' })
  const again = taskOf(pool.path, await task.info())
  expect(await again.kill('KILL')).toBe(true)
  expect(await task.wait()).toMatchObject({ signal: 'SIGKILL' })
})

test('terminating a supervisor ends its job too', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'sleep 1000 & wait' })
  const { pid } = await task.info()
  await task.terminateSupervisor()
  expect(isAlive(pid ?? 0)).toBe(false)
  expect(existsSync(pool.socketPath(task.pid))).toBe(false)
  expectNothingLeft(pool.path)
})
