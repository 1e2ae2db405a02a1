import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import type { SpawnOptions, TaskPool } from '@bgtask/pool'
import { eventually, isAlive, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fixture, logOf, makePool, supervisorCmd } from './support/pool.js'

/** A caller in a session and process group of its own, which it leads, so that the group can be left without a leader. */
async function spawnFromCaller(
  pool: TaskPool,
  options: Pick<SpawnOptions, 'behavior'>,
): Promise<{ caller: number; task: Task; childPid: number }> {
  const args = [fixture('spawn-one.js'), pool.path, JSON.stringify(options), 'stay']
  const caller = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    caller.kill('SIGKILL')
  })
  await once(caller.stdout, 'data')
  const [task] = await pool.search()
  if (task === undefined) throw new Error('the caller has started nothing')
  const { pid } = await task.info()
  return { caller: caller.pid ?? 0, task, childPid: pid ?? 0 }
}

async function expectEndedInOrder(pool: TaskPool, task: Task, childPid: number): Promise<void> {
  await eventually(() => !isAlive(task.pid))
  expect(isAlive(childPid)).toBe(false)
  expect(readdirSync(pool.path)).toEqual([])
}

describe('daemon', () => {
  test('leads no group of the caller, has a session of its own, and survives caller and HUP', async () => {
    const pool = makePool()
    const { caller, task, childPid } = await spawnFromCaller(pool, { behavior: 'daemon' })
    const supervisor = processStat(task.pid)
    expect(supervisor).toMatchObject({ ppid: 1, tty: 0 })
    expect(supervisor?.session).not.toBe(processStat(caller)?.session)
    expect(processStat(childPid)).toMatchObject({ session: childPid, pgrp: childPid, ppid: task.pid })
    process.kill(-caller, 'SIGKILL')
    await eventually(() => !isAlive(caller))
    process.kill(task.pid, 'SIGHUP')
    expect(await task.info()).toMatchObject({ state: 'running', pid: childPid })
  })

  test('USR1 does not open the inspector, which would tell of it on stderr', async () => {
    const task = await makePool().spawn({ cmd: 'exec cat' })
    process.kill(task.pid, 'SIGUSR1')
    await task.stdin.write('on\n')
    await task.stdout.waitFor('on\n')
    expect(logOf(task)).toBe('')
  })
})

describe('background', () => {
  test("stays in the caller's session and group, as a child of init", async () => {
    const { caller, task, childPid } = await spawnFromCaller(makePool(), { behavior: 'background' })
    expect(processStat(task.pid)).toMatchObject({ ppid: 1, session: caller, pgrp: caller })
    expect(processStat(childPid)).toMatchObject({ session: childPid, pgrp: childPid })
  })

  test('lives on where its group has no leader from the start', async () => {
    const pool = makePool()
    // The shell that leads the group is gone before the caller starts the task.
    const program = `"$NODE" ${fixture('when-orphaned.js')} ${fixture('spawn-one.js')} ${pool.path} '{"behavior":"background"}' &`
    const shell = spawn('/bin/sh', ['-c', program], { detached: true, env: { ...process.env, NODE: process.execPath } })
    await once(shell, 'exit')
    const [task] = await eventually(async () => {
      const tasks = await pool.search()
      return tasks.length > 0 && tasks
    })
    const own = processStat(task?.pid ?? 0)
    expect(own?.pgrp).toBe(shell.pid)
    expect(processStat(shell.pid ?? 0)).toBeUndefined()
    // It would look for its leader each second: a look is due before this child has ended.
    const watched = await pool.spawn({ cmd: 'sleep 1.5' })
    await watched.wait()
    expect(await task?.info()).toMatchObject({ state: 'running' })
  })
})

describe('a supervisor built with runSupervisor', () => {
  test('tells its own software and info, and its keys are on record and can be searched', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd(fixture('custom-supervisor.js')) })
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    expect(await task.info()).toMatchObject({
      software: 'custom/1.0',
      region: 'north',
      state: 'running',
      stdio: 'pipe',
    })
    expect(await pool.search<{ region: string }>({ region: 'north' })).toHaveLength(1)
    expect(await pool.search<{ region: string }>({ region: 'south' })).toHaveLength(0)
    expect((await pool.record(task.pid))?.info).toMatchObject({ region: 'north', supervisorPid: task.pid })
  })

  test('that tells more than a record may hold cannot be launched: nobody would read that record', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd(fixture('custom-supervisor.js'), '300000') })
    await expect(pool.spawn({ cmd: 'sleep 1000' })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LAUNCH',
      cause: { remoteCode: 'NOT_RECORDED' },
      message: expect.stringMatching(/the record has 30\d{4} bytes, 262144 is the most/),
    })
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('a bug in it is logged, and ends it in order with its child', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd(fixture('custom-supervisor.js')) })
    const cwd = tempDir()
    const task = await pool.spawn({
      cmd: 'trap "" TERM; echo up; while ! [ -e go ]; do sleep 0.01; done',
      cwd,
      stop: [
        { killSignal: 'TERM', waitMs: 20_000 },
        { killSignal: 'KILL', waitMs: 5_000 },
      ],
    })
    await task.stdout.waitFor('up\n')
    const { pid } = await task.info()
    const terminating = once(task, 'terminating')
    await task.info()
    process.kill(task.pid, 'SIGUSR2')
    await terminating
    // Its words are there as long as it is, and it is there as long as its child.
    expect(logOf(task)).toContain('uncaught: Error: a bug of mine')
    writeFileSync(join(cwd, 'go'), '')
    await expectEndedInOrder(pool, task, pid ?? 0)
  })
})
