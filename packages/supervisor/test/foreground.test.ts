import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Task } from '@bgtask/client'
import { type SpawnOptions, TaskPool } from '@bgtask/pool'
import { eventually, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { endAfterTest, fixture, supervisorCmd } from './support/pool.js'

// Each test starts two programs one after the other; a busy machine takes seconds for each.
const START_DEADLINE_MS = 30_000
vi.setConfig({ testTimeout: 90_000 })

type Stdio = 'pipe' | number

/** A program that starts one task in the foreground, with stdout and stderr of its own. */
async function startCaller(
  options: SpawnOptions,
  { stdout = 'pipe', supervisor }: { stdout?: Stdio; supervisor?: string[] } = {},
) {
  const pool = new TaskPool({ path: tempDir() })
  const args = [fixture('spawn-one.js'), pool.path, JSON.stringify({ behavior: 'foreground', ...options })]
  const env = { ...process.env, ...(supervisor && { SUPERVISOR_CMD: JSON.stringify(supervisor) }) }
  const caller = spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'], env })
  onTestFinished(() => {
    caller.kill('SIGKILL')
  })
  const task = await eventually(async () => (await pool.search())[0], { deadlineMs: START_DEADLINE_MS })
  return { caller, task: endAfterTest(task as Task) }
}

test("the caller's stdout and stderr get all that the task writes, to the last byte", async () => {
  const { caller, task } = await startCaller({ cmd: 'read go; echo words >&2; seq 1 300000; echo last words >&2' })
  const written = Promise.all([text(caller.stdout as Readable), text(caller.stderr as Readable)])
  await task.stdin.write('\n')
  await task.wait()
  await task.terminateSupervisor()
  const [stdout, stderr] = await written
  const lines = stdout.split('\n')
  expect(lines[0]).toBe(`spawned ${task.pid}`)
  expect(lines.slice(1, -1)).toEqual(Array.from({ length: 300_000 }, (_, index) => String(index + 1)))
  expect(stderr).toBe('words\nlast words\n')
})

test('the words of a crash are on stderr, and the output before it too', async () => {
  const supervisor = supervisorCmd(fixture('custom-supervisor.js'))
  const { caller, task } = await startCaller({ cmd: 'echo up; exec sleep 1000' }, { supervisor })
  const written = Promise.all([text(caller.stdout as Readable), text(caller.stderr as Readable)])
  await task.stdout.waitFor('up\n')
  process.kill(task.pid, 'SIGUSR2')
  const [stdout, stderr] = await written
  expect(stdout).toContain('up\n')
  expect(stderr).toContain('uncaught: Error: a bug of mine')
})

test('what a custom supervisor prints is shown, before and after the launch', async () => {
  const supervisor = supervisorCmd(fixture('talking-supervisor.js'))
  const { caller, task } = await startCaller({ cmd: 'echo up; exec sleep 1000' }, { supervisor })
  const written = Promise.all([text(caller.stdout as Readable), text(caller.stderr as Readable)])
  await task.stdout.waitFor('up\n')
  const late = once(caller.stderr as Readable, 'data')
  process.kill(task.pid, 'SIGUSR2')
  await late
  await task.terminateSupervisor()
  const [stdout, stderr] = await written
  expect(stdout.split('\n').sort()).toEqual(['', 'printed early', 'printed late', `spawned ${task.pid}`, 'up'])
  expect(stderr).toMatch(/^warned early\nwarned late\n/)
})

test('what one prints whose launch fails is shown, and its words on stderr are the reason', async () => {
  const script = 'echo printed; echo out of luck >&2; exit 3'
  const args = [fixture('spawn-one.js'), tempDir(), '{"behavior":"foreground"}']
  const env = { ...process.env, SUPERVISOR_CMD: JSON.stringify(['/bin/sh', '-c', script]) }
  const caller = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = await Promise.all([text(caller.stdout), text(caller.stderr)])
  expect(stdout).toBe('printed\n')
  expect(stderr).toContain('failed to start (exit code 3): out of luck')
})

describe('a terminal that takes nothing', () => {
  test('is told what it did not get', async () => {
    const { caller, task } = await startCaller({ cmd: 'read go; head -c 30000000 /dev/zero; read go; echo on' })
    process.kill(caller.pid as number, 'SIGSTOP')
    await task.stdin.write('\n')
    await eventually(async () => (await task.info()).streams[1].endOffset === 30_000_000, { deadlineMs: 20_000 })
    let written = ''
    caller.stdout?.on('data', (chunk) => {
      written += chunk
    })
    process.kill(caller.pid as number, 'SIGCONT')
    await eventually(() => written.includes('were not shown]'))
    await task.stdin.write('\n')
    await task.wait()
    await task.terminateSupervisor()
    await eventually(() => written.endsWith('on\n'))
    // The caller's own line comes when it has got that far.
    const [shown = '', rest = ''] = written.replace(`spawned ${task.pid}\n`, '').split('\n[bgtask: ')
    expect(rest).toMatch(/^\d+ bytes were not shown\]\non\n$/)
    expect(shown.length + Number.parseInt(rest, 10)).toBe(30_000_000)
  })
})

describe('a reader that goes away', () => {
  test('ends neither the caller nor the task', async () => {
    const { caller, task } = await startCaller({ cmd: 'while read line; do echo "$line"; echo "$line" >&2; done' })
    caller.stdout?.destroy()
    caller.stderr?.destroy()
    for (let count = 1; count <= 3; count += 1) {
      await task.stdin.write(`${count}\n`)
      await task.stdout.waitFor(`${count}\n`)
    }
    expect(caller.exitCode).toBeNull()
    expect(await task.info()).toMatchObject({ state: 'running' })
    await task.terminateSupervisor()
    expect(await once(caller, 'exit')).toEqual([0, null])
  })

  test('that is the caller itself, killed, does not end the task', async () => {
    const { caller, task } = await startCaller({ cmd: 'while read line; do echo "$line"; done' })
    caller.kill('SIGKILL')
    await once(caller, 'exit')
    for (let count = 1; count <= 3; count += 1) {
      await task.stdin.write(`${count}\n`)
      await task.stdout.waitFor(`${count}\n`)
    }
    expect(await task.info()).toMatchObject({ state: 'running' })
  })
})

test('a disk that is full under stdout ends nothing', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const { caller, task } = await startCaller({ cmd: 'while read line; do echo "$line"; done' }, { stdout: full })
  await task.stdin.write('a line\n')
  await task.stdout.waitFor('a line\n')
  expect(caller.exitCode).toBeNull()
  expect(await task.info()).toMatchObject({ state: 'running' })
})
