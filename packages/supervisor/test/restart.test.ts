import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task, TaskEvents } from '@bgtask/client'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath, supervisorCommand } from '../src/command.js'
import { fixture, makePool, recordOf, spawnTask, textOf } from './support/pool.js'

/** All exits from now on. */
async function exitsOf(task: Task): Promise<TaskEvents['childExit'][0][]> {
  const exits: TaskEvents['childExit'][0][] = []
  task.on('childExit', (event) => exits.push(event))
  await task.info()
  return exits
}

describe('the restart policy', () => {
  test('failure: starts again after a failure until it succeeds', async () => {
    const cmd = 'echo x >> runs; [ $(wc -l < runs) = 3 ] && exit 0; exit 1'
    const task = await spawnTask({ cmd, cwd: tempDir(), restart: { on: 'failure', delayMs: 1 } })
    expect(await task.wait()).toEqual({ exitCode: 0, signal: null, cause: 'exit', run: 3 })
    expect(await task.info()).toMatchObject({ state: 'exited', restarts: 2, failure: null })
  })

  test('a crash loop ends in failed, with its reason on record', async () => {
    const task = await spawnTask({
      cmd: 'read _; exit 9',
      stdin: 'null',
      restart: { on: 'always', delayMs: 1, maxRestarts: 4 },
    })
    expect(await task.wait()).toMatchObject({ exitCode: 9, run: 5 })
    expect(await task.info()).toMatchObject({
      state: 'failed',
      restarts: 4,
      failure: 'gave up after 4 restarts in a row',
    })
    expect((await recordOf(task)).info).toMatchObject({ state: 'failed', run: 5 })
    // By hand it gets all its chances anew.
    expect(await task.restart()).toBe(true)
    expect(await task.wait()).toMatchObject({ run: 10 })
  })

  test('counts runs as they last, whatever the wall clock does meanwhile', async () => {
    const argv = [process.execPath, '--require', fixture('jumping-clock.cjs'), daemonPath()]
    const pool = makePool({ supervisorCmd: supervisorCommand(argv) })
    const restart = { on: 'always', delayMs: 0, maxRestarts: 4, resetAfterMs: 600_000 } as const
    const task = await pool.spawn({ cmd: 'exit 1', restart })
    expect(await task.wait({ timeoutMs: 20_000 })).toMatchObject({ run: 5 })
    expect(await task.info()).toMatchObject({ state: 'failed', restarts: 4 })
  })

  test('waits in backoff, tells until when, and says of each exit whether a restart follows', async () => {
    const task = await spawnTask({
      cmd: 'read _; exit 1',
      restart: { on: 'always', delayMs: 60_000, maxDelayMs: 600_000 },
    })
    const exits = await exitsOf(task)
    await task.stdin.write('\n')
    await task.wait({ run: 1 })
    const { state, nextStartAt, exitedAt } = await task.info()
    expect(state).toBe('backoff')
    expect((nextStartAt ?? 0) - (exitedAt ?? 0)).toBeGreaterThanOrEqual(60_000)
    expect(exits).toMatchObject([{ run: 1, willRestart: true }])
    // The end of the output is not yet known, and wait() still waits.
    expect((await task.stdout.info()).eof).toBe(false)
    await expect(task.wait({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
    // A stop calls it off.
    await task.stop()
    expect(await task.wait()).toMatchObject({ run: 1, exitCode: 1 })
    expect(await task.info()).toMatchObject({ state: 'exited', nextStartAt: null, streams: { 1: { eof: true } } })
  })

  test('by hand it starts at once out of backoff; not while the child runs', async () => {
    const task = await spawnTask({ cmd: 'read _; exit 1', restart: { on: 'always', delayMs: 60_000 } })
    expect(await task.restart()).toBe(false)
    await task.stdin.write('\n')
    await task.wait({ run: 1 })
    expect(await task.restart()).toBe(true)
    expect(await task.info()).toMatchObject({ state: 'running', run: 2, nextStartAt: null, exitStatus: null })
  })

  test('no restart follows a stop', async () => {
    const task = await spawnTask({ cmd: 'sleep 1000', restart: { on: 'always', delayMs: 0 } })
    const exits = await exitsOf(task)
    await task.stop()
    expect(exits).toMatchObject([{ run: 1, willRestart: false, exitStatus: { cause: 'stopped' } }])
    expect(await task.info()).toMatchObject({ state: 'exited', run: 1 })
  })

  test('no restart follows a stop, also where it comes while a start is failing', async () => {
    const cwd = tempDir()
    const program = join(cwd, 'program')
    const write = () => writeFileSync(program, '#!/bin/sh\nread _; exit 1\n', { mode: 0o755 })
    write()
    const restart = { on: 'always', delayMs: 1, factor: 1, maxRestarts: null } as const
    const task = await spawnTask({ exec: [program], restart })
    for (let round = 1; round <= 5; round += 1) {
      rmSync(program)
      await task.stdin.close()
      await expect.poll(async () => (await task.info()).failure, { timeout: 10_000 }).toContain('command not found')
      // It is tried again and again, so this comes in the middle of it most times.
      await task.stop()
      expect(await task.info()).toMatchObject({ state: 'exited', nextStartAt: null })
      expect(await task.wait({ timeoutMs: 5_000 })).toMatchObject({ run: round })
      write()
      expect(await task.restart()).toBe(true)
    }
  })

  test('a program that is missing for a while counts as a failed run, and is found when it is back', async () => {
    const cwd = tempDir()
    const pool = makePool()
    const setUp = await pool.spawn({ cmd: `printf '#!/bin/sh\\nread _; exit 1\\n' > program; chmod +x program`, cwd })
    await setUp.wait()
    const restart = { on: 'always', delayMs: 100, factor: 1, maxRestarts: null } as const
    const task = await pool.spawn({ exec: [`${cwd}/program`], restart })
    await (await pool.spawn({ cmd: 'mv program away', cwd })).wait()
    await task.stdin.write('\n')
    await expect.poll(async () => (await task.info()).failure, { timeout: 10_000 }).toContain('command not found')
    await (await pool.spawn({ cmd: 'mv away program', cwd })).wait()
    await expect.poll(() => task.info(), { timeout: 10_000 }).toMatchObject({ state: 'running', run: 2, failure: null })
  })
})

describe('maxRuntimeMs', () => {
  test('ends the tree with the cause timeout', async () => {
    const task = await spawnTask({ cmd: 'sleep 1000 & wait', maxRuntimeMs: 30 })
    expect(await task.wait()).toEqual({ exitCode: null, signal: 'SIGTERM', cause: 'timeout', run: 1 })
    expect((await recordOf(task)).info.exitStatus).toMatchObject({ cause: 'timeout' })
  })

  test('counts as a failure, for each run anew', async () => {
    const cmd = 'echo run; trap "exit 0" TERM; sleep 1000 & wait'
    const task = await spawnTask({ cmd, maxRuntimeMs: 1_000, restart: { on: 'failure', delayMs: 0, maxRestarts: 2 } })
    expect(await task.wait()).toMatchObject({ exitCode: 0, cause: 'timeout', run: 3 })
    expect(await textOf(task)).toBe('run\nrun\nrun\n')
    expect((await task.info()).state).toBe('failed')
  })
})

test('stop, restart and terminate at the same time: each is answered, and nothing is left', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'sleep 1000', restart: { on: 'always', delayMs: 0 } })
  const answers = await Promise.allSettled([
    task.stop(),
    task.restart(),
    task.stop(),
    task.restart(),
    task.terminateSupervisor(),
    task.stop(),
    task.terminateSupervisor(),
  ])
  expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
  expect(await pool.search()).toEqual([])
  expect(await pool.lost()).toEqual([])
})
