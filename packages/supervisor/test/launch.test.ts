import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Task } from '@bgtask/client'
import { COOKIE_VARIABLE, socketFileName } from '@bgtask/os'
import { encode } from '@bgtask/protocol/rpc'
import { allPids, eventually, isAlive, processEnv, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { daemonPath } from '../src/command.js'

// The launch contract as a launcher in any language sees it: a map on stdin, a line on stderr.

const TASK_ID = '0123456789abcdef0123456789abcdef'

function spec(poolPath: string, changes: object = {}): object {
  return {
    v: 1,
    taskId: TASK_ID,
    exec: ['/bin/sh', '-c', 'umask; pwd; echo "$NAME"; sleep 1000'],
    env: { PATH: process.env.PATH, NAME: 'value', [COOKIE_VARIABLE]: TASK_ID },
    cwd: poolPath,
    umask: 0o27,
    behavior: 'daemon',
    meta: {},
    maxReadBufSize: 1_000,
    overflow: 'discard',
    lockfile: null,
    stdin: 'pipe',
    stop: [{ killSignal: 'SIGKILL', waitMs: 5_000 }],
    restart: { on: 'never' },
    maxRuntimeMs: null,
    poolPath,
    access: {},
    ...changes,
  }
}

function startDaemon(): ChildProcess & {
  stdin: NonNullable<ChildProcess['stdin']>
  stderr: NonNullable<ChildProcess['stderr']>
} {
  const daemon = spawn(process.execPath, [daemonPath()], { stdio: ['pipe', 'ignore', 'pipe'] })
  onTestFinished(() => {
    daemon.kill('SIGKILL')
  })
  return daemon as never
}

async function launched(bytes: Uint8Array): Promise<{ words: string; daemon: ChildProcess }> {
  const daemon = startDaemon()
  daemon.stdin.on('error', () => {})
  daemon.stdin.end(bytes)
  return { words: await text(daemon.stderr), daemon }
}

test('a hand-made spec starts a task; what it does not know is ignored, what is left out has its default', async () => {
  const poolPath = tempDir()
  const { words, daemon } = await launched(encode(spec(poolPath, { futureOption: { deep: [1] } })))
  expect(words).toBe(`DAEMON_PID=${daemon.pid}\n`)
  const task = Task.at(`${poolPath}/${socketFileName(daemon.pid ?? 0)}`)
  await task.stdout.waitFor(`0027\n${poolPath}\nvalue\n`)
  expect(await task.info()).toMatchObject({ taskId: TASK_ID, restart: { on: 'never', maxRestarts: 10 } })
  const exited = once(daemon, 'exit')
  await task.terminateSupervisor()
  expect(await exited).toEqual([0, null])
  expect(readdirSync(poolPath)).toEqual([])
})

test('stdin that ends without a byte is no launch: it exits, silently', async () => {
  const { words, daemon } = await launched(new Uint8Array())
  expect(words).toBe('')
  await eventually(() => daemon.exitCode === 0)
})

describe('what cannot be launched is told by its code and in words, and leaves nothing', () => {
  test.each([
    ['garbage', () => Buffer.from('hello'), 'ERR_BGTASK_INVALID_OPTION', 'spec'],
    ['another version', (path: string) => encode(spec(path, { v: 2 })), 'ERR_BGTASK_INVALID_OPTION', 'v'],
    ['a relative cwd', (path: string) => encode(spec(path, { cwd: '.' })), 'ERR_BGTASK_INVALID_OPTION', 'cwd'],
    ['no such program', (path: string) => encode(spec(path, { exec: ['/no/such'] })), 'ERR_BGTASK_COMMAND', '/no/such'],
    ['a missing cwd', (path: string) => encode(spec(path, { cwd: '/no/such' })), 'ERR_BGTASK_COMMAND', '/no/such'],
    ['a missing pool', (path: string) => encode(spec(path, { poolPath: '/no/such' })), 'ENOENT', '/no/such'],
    [
      'a path too long for a socket',
      (path: string) => encode(spec(path, { poolPath: `${path}/${'x'.repeat(100)}` })),
      expect.any(String),
      'xxx',
    ],
  ])('%s', async (_, make, code, named) => {
    const poolPath = tempDir()
    const { words, daemon } = await launched(make(poolPath))
    const [line, ...rest] = words.split('\n')
    expect(JSON.parse(line?.replace('BGTASK_ERROR=', '') ?? '')).toMatchObject({ code })
    expect(rest.join()).toContain(named)
    await eventually(() => daemon.exitCode === 1)
    expect(readdirSync(poolPath)).toEqual([])
    expect(ofTask()).toEqual([])
  })

  test('a launcher that has gone: the ready line meets a closed pipe, and all is undone', async () => {
    const poolPath = tempDir()
    const daemon = startDaemon()
    daemon.stderr.destroy()
    daemon.stdin.end(encode(spec(poolPath)))
    expect(await once(daemon, 'exit')).toEqual([1, null])
    expect(readdirSync(poolPath)).toEqual([])
    expect(ofTask()).toEqual([])
  })
})

function ofTask(): number[] {
  return allPids().filter((pid) => processEnv(pid)[COOKIE_VARIABLE] === TASK_ID && isAlive(pid))
}
