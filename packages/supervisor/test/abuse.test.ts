import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import type { Task } from '@bgtask/client'
import { TaskPool } from '@bgtask/pool'
import { eventually, isAlive, needs, pathOf, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defaultSupervisorCmd } from '../src/command.js'
import { endAfterTest, fixture, logOf, makePool, spawnTask } from './support/pool.js'
import { rawClient, request, untilClosed } from './support/raw.js'

/** The others: an older connection and a new one, reading, writing and asking. */
async function expectServes(task: Task): Promise<void> {
  const { endOffset } = await task.stdout.info()
  await task.stdin.write('still here\n')
  const { text } = (await task.stdout.waitFor('still here\n', { from: endOffset, timeoutMs: 10_000 })) ?? {}
  expect(text).toBe('still here\n')
  const another = new (task.constructor as typeof Task)(task.taskPool, task.pid)
  expect(await another.info()).toMatchObject({ state: 'running', supervisorPid: task.pid })
  another.disconnect()
}

describe('clients that are just bad', () => {
  test('never read what they ask for: their queue is bounded, and others are answered', async () => {
    const task = await spawnTask({ cmd: 'head -c 1000000 /dev/zero; exec cat', maxReadBufSize: 2_000_000 })
    await eventually(async () => (await task.stdout.info()).endOffset === 1_000_000)
    const client = await rawClient(task)
    client.pause()
    const ask = Buffer.concat(
      Array.from({ length: 5_000 }, (_, id) => request(id, 'readStream', { streamId: 1, from: 0, maxBytes: 500_000 })),
    )
    client.write(ask)
    await expectServes(task)
    // 5,000 answers would be 2.5 GB.
    const before = residentBytes(task.pid)
    await expectServes(task)
    expect(residentBytes(task.pid)).toBeLessThan(150e6)
    expect(before).toBeLessThan(150e6)
  })

  // A deadline for a hang: it writes a gigabyte.
  test('60 who write 64 times each to a stdin that nobody reads hold 16 MiB in all', { timeout: 120_000 }, async () => {
    const task = await spawnTask({ cmd: 'sleep 1000' })
    const clients = await Promise.all(Array.from({ length: 60 }, () => rawClient(task)))
    const data = Buffer.alloc(256 * 1024)
    const refused = clients.map((client) => once(client, 'data'))
    for (const client of clients) {
      for (let id = 0; id < 64; id += 1) client.write(request(id, 'writeStream', { streamId: 0, data }))
    }
    await Promise.all(refused.slice(10))
    const another = new (task.constructor as typeof Task)(task.taskPool, task.pid)
    expect((await another.info()).state).toBe('running')
    // They were 462 MiB.
    expect(residentBytes(task.pid)).toBeLessThan(200e6)
    another.disconnect()
  })

  test('500 at once are all answered', async () => {
    const task = await spawnTask({ cmd: 'exec cat' })
    const clients = await Promise.all(Array.from({ length: 500 }, () => rawClient(task)))
    for (const client of clients) client.end(request(7, 'getInfo'))
    const answers = await Promise.all(clients.map((client) => untilClosed(client)))
    for (const [answer] of answers) expect(answer).toMatchObject([1, 7, null, { supervisorPid: task.pid }])
    await expectServes(task)
  })

  test('more than can be connected, who say nothing or half a message: who has waited longest for nothing makes room', async () => {
    const task = await spawnTask({ cmd: 'exec cat' })
    const subscribed = new (task.constructor as typeof Task)(task.taskPool, task.pid)
    const closed = once(subscribed, 'terminating')
    await subscribed.info()
    // In turns: more than 511 at once are told to come back.
    const silent = []
    for (let turn = 0; turn < 11; turn += 1) {
      silent.push(...(await Promise.all(Array.from({ length: 100 }, () => rawClient(task)))))
      // Accepted in turn: when this one is answered, none of them waits in the backlog any more.
      const next = new (task.constructor as typeof Task)(task.taskPool, task.pid)
      await next.info()
      next.disconnect()
    }
    for (const client of silent.slice(-200)) client.write(request(1, 'hello').subarray(0, 5))
    const another = new (task.constructor as typeof Task)(task.taskPool, task.pid)
    const { clientCount } = await another.info()
    expect(clientCount).toBeLessThanOrEqual(1_000)
    await expectServes(task)
    await another.terminateSupervisor()
    await closed
  })

  test('killed in the middle of whatever they do', async () => {
    const task = await spawnTask({ cmd: 'exec cat' })
    for (let round = 0; round < 3; round += 1) {
      const client = spawn(process.execPath, [fixture('busy-client.js'), task.taskPool.socketPath(task.pid)])
      await once(client.stdout, 'data')
      client.kill('SIGKILL')
    }
    await eventually(async () => (await task.info()).clientCount === 1)
    const another = new (task.constructor as typeof Task)(task.taskPool, task.pid)
    expect(await another.info()).toMatchObject({ state: 'running' })
    another.disconnect()
  })
})

describe.runIf(needs('prlimit'))('out of descriptors', () => {
  test('clients do not get the last ones: the task is restarted, looked at, stopped and recorded all the same', async () => {
    const limited = [pathOf('prlimit'), '--nofile=100', ...defaultSupervisorCmd()]
    const pool = makePool({ supervisorCmd: limited })
    const task = await pool.spawn({ cmd: 'read _; exec cat', maxRuntimeMs: 600_000 })
    const clients = await Promise.all(Array.from({ length: 150 }, () => rawClient(task)))
    await Promise.race(clients.map((client) => once(client.resume(), 'close')))
    await task.stdin.close()
    expect(await task.wait()).toMatchObject({ exitCode: 0 })
    expect(await task.restart()).toBe(true)
    await task.stdin.write('\n')
    await expectServes(task)
    const { pid } = await task.info()
    expect(await task.kill('CONT', { tree: true })).toBe(true)
    expect(await task.terminateSupervisor()).toMatchObject({ exitStatus: { signal: 'SIGTERM', cause: 'stopped' } })
    expect(isAlive(pid ?? 0)).toBe(false)
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('a task that cannot be ended for want of them stays on record', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    const { taskId } = await task.info()
    limitDescriptors(task.pid, 3)
    await expect(task.terminateSupervisor()).rejects.toMatchObject({ remoteCode: 'EMFILE' })
    const lost = await eventually(async () => (await pool.lost())[0])
    expect(lost).toMatchObject({ taskId, state: 'orphaned' })
    expect(await lost.stop()).toEqual([])
  })

  test('those who are connected are served, and new ones again when there are some', async () => {
    const task = await spawnTask({ cmd: 'exec cat' })
    await task.info()
    const limit = Math.max(...processFds(task.pid).keys()) + 1
    limitDescriptors(task.pid, limit)
    const clients = await Promise.all(Array.from({ length: limit }, () => rawClient(task)))
    await Promise.race(clients.map((client) => once(client.resume(), 'close')))
    await task.stdin.write('ping\n')
    expect(await task.stdout.waitFor('ping\n')).toBeDefined()

    // The child ends, and is to be started again, with no descriptor for its pipes.
    await task.stdin.close()
    expect(await task.wait()).toMatchObject({ exitCode: 0 })
    await expect(task.restart()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BGTASK_|EMFILE/) })
    expect(await task.info()).toMatchObject({ state: 'failed', run: 1 })

    limitDescriptors(task.pid, limit + 100)
    expect(await task.restart()).toBe(true)
    await expectServes(task)
    expect(logOf(task).length).toBeLessThan(20_000)
  })
})

test('an own log that nobody reads any more (EPIPE) disturbs nothing', async () => {
  const path = tempDir()
  const options = JSON.stringify({ cmd: 'exec cat', behavior: 'foreground' })
  // In the foreground its own words go to the caller's stdout, which is closed as soon as the task is there.
  const caller = spawn(process.execPath, [fixture('spawn-one.js'), path, options, 'stay'], {
    env: { ...process.env, BGTASK_DEBUG: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => {
    caller.kill('SIGKILL')
  })
  const spawned = /spawned (\d+)/
  let words = ''
  for await (const chunk of caller.stdout) {
    words += chunk
    if (spawned.test(words)) break
  }
  const pool = new TaskPool({ path })
  const task = endAfterTest((await pool.search())[0] as Task)
  expect(task.pid).toBe(Number(spawned.exec(words)?.[1]))
  for (let count = 0; count < 3; count += 1) {
    const client = await rawClient(task)
    client.write('garbage')
    await untilClosed(client)
  }
  await expectServes(task)
  await task.stdin.close()
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
  expect(await task.restart()).toBe(true)
  await expectServes(task)
})

test('a broken own log (its file deleted) disturbs nothing', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'exec cat', restart: { on: 'always', delayMs: 0 } })
  execFileSync('rm', [pool.outputPath(task.pid)])
  await task.stdin.close()
  await eventually(async () => (await task.info()).run === 2)
  await expectServes(task)
})

function limitDescriptors(pid: number, count: number): void {
  execFileSync(pathOf('prlimit'), [`--pid=${pid}`, `--nofile=${count}:`])
}

function residentBytes(pid: number): number {
  const pages = execFileSync('cat', [`/proc/${pid}/statm`], { encoding: 'utf8' }).split(' ')[1]
  return Number(pages) * 4096
}
