import type { Task } from '@bgtask/client'
import type { RunOptions, TaskPool } from '@bgtask/pool'
import { isBgTaskError, type RunError } from '@bgtask/protocol'
import { eventually } from '@bgtask/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { endTask } from '../support/tasks.js'

/** A pool whose tasks end with the test. */
function poolOfRuns(): TaskPool {
  const pool = makePool()
  onTestFinished(async () => {
    for (const task of await pool.search()) await endTask(task)
  })
  return pool
}

async function failureOf(options: RunOptions): Promise<RunError> {
  const error = await poolOfRuns()
    .run(options)
    .catch((error: unknown) => error)
  if (!isBgTaskError(error, 'ERR_BGTASK_RUN')) throw error
  return error
}

test('a run resolves with the exit and both outputs, without the final newline', async () => {
  const { task, ...result } = await poolOfRuns().run({ cmd: 'echo out; echo err >&2; echo more >&2' })
  expect(result).toEqual({ exitCode: 0, signal: null, stdout: 'out', stderr: 'err\nmore' })
  expect(await task.info()).toMatchObject({ state: 'exited' })
})

test('input is written to stdin, which is closed then; without it stdin is empty', async () => {
  const pool = poolOfRuns()
  expect((await pool.run({ exec: ['cat'], input: 'given' })).stdout).toBe('given')
  expect((await pool.run({ exec: ['cat'], input: Buffer.from('bytes') })).stdout).toBe('bytes')
  expect((await pool.run({ exec: ['cat'] })).stdout).toBe('')
})

test('a command that does not read its input does not fail for that', async () => {
  expect(await poolOfRuns().run({ exec: ['true'], input: 'x'.repeat(1024 * 1024) })).toMatchObject({ exitCode: 0 })
})

test.for<[string, RunOptions, Partial<RunError>]>([
  [
    'an exit code',
    { cmd: 'echo out; echo bad >&2; exit 3' },
    { reason: 'exit', exitCode: 3, stdout: 'out', stderr: 'bad' },
  ],
  ['a signal', { cmd: 'kill -KILL $$' }, { reason: 'signal', exitCode: null, signal: 'SIGKILL' }],
  ['a timeout', { cmd: 'echo out; exec sleep 1000', timeoutMs: 500 }, { reason: 'timeout', stdout: 'out' }],
  ['too much output', { cmd: 'yes', maxBytes: 10 }, { reason: 'max-bytes', stdout: 'y\ny\ny\ny\ny' }],
])('a run rejects after %s, with what there is by then', async ([, options, expected]) => {
  const error = await failureOf(options)
  expect(error).toMatchObject(expected)
  expect((error.task as Task).taskId).toMatch(/^[0-9a-f]{32}$/)
  expect(error.message).toContain(options.cmd)
})

test('with reject: false a failure is a result', async () => {
  const pool = poolOfRuns()
  expect(await pool.run({ cmd: 'echo out; exit 3', reject: false })).toMatchObject({ exitCode: 3, stdout: 'out' })
  expect(await pool.run({ cmd: 'yes', maxBytes: 4, reject: false })).toMatchObject({ stdout: 'y\ny' })
})

test('an abort stops the task and rejects with its reason', async () => {
  const pool = poolOfRuns()
  const controller = new AbortController()
  const running = pool.run({ cmd: 'echo up; exec sleep 1000', signal: controller.signal })
  running.catch(() => {})
  await eventually(async () => (await pool.search({ state: 'running' })).length === 1)
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(running).rejects.toBe(reason)
  expect(await pool.search({ state: 'running' })).toEqual([])
})

test.for<[string, object]>([
  ['input', { input: 5 }],
  ['timeoutMs', { timeoutMs: 0 }],
  ['maxBytes', { maxBytes: -1 }],
  ['reject', { reject: 'no' }],
])('%s of a run is checked', async ([option, bad]) => {
  await expect(poolOfRuns().run({ cmd: 'true', ...bad })).rejects.toMatchObject({
    code: 'ERR_BGTASK_INVALID_OPTION',
    option,
  })
})
