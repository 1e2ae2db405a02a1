import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { recordFileName, taskDirectoryName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import type { TaskRecord } from '@bgtask/protocol'
import { eventually, isAlive, needs } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from './support/pools.js'

const SPOOL = { maxBytes: 1_048_576 }

describe.each(['native', 'node'] as const)('retiring, with the supervisor %s', (supervisor) => {
  test('a task that is over costs no process, and keeps its output', async () => {
    const pool = makePool({ supervisor, lingerMs: 0, spool: SPOOL })
    const task = await pool.spawn({ cmd: 'seq 1 1000; exit 3' })
    const taskId = task.taskId as string
    await eventually(() => !isAlive(task.pid))
    expect(readdirSync(pool.path).sort()).toEqual([recordFileName(task.pid, taskId), taskDirectoryName(taskId)].sort())
    expect(recordOf(task).info).toMatchObject({ exitStatus: { exitCode: 3 }, retiredAt: expect.any(Number) })
    const output = readFileSync(join(pool.path, taskDirectoryName(taskId), `1.${'0'.repeat(16)}`), 'utf8')
    expect(output.endsWith('\n1000\n')).toBe(true)
  })

  test('a restart within lingerMs is a run like any other', async () => {
    const pool = makePool({ supervisor, lingerMs: 500 })
    const task = await pool.spawn({ cmd: 'echo run' })
    await task.wait()
    expect(await task.restart()).toBe(true)
    await eventually(() => !isAlive(task.pid))
    expect(recordOf(task).info).toMatchObject({ run: 2, restarts: 1, state: 'exited' })
  })

  test('a stop that leaves survivors keeps the supervisor', async () => {
    const pool = makePool({ supervisor, lingerMs: 0 })
    const task = await pool.spawn({ cmd: '(trap "" TERM; echo ready; while :; do sleep 0.05; done) & wait' })
    await task.stdout.waitFor('ready')
    const { survivors } = await task.stop({ steps: [{ killSignal: 'TERM', waitMs: 200 }] })
    expect(survivors.length).toBeGreaterThan(0)
    await task.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
    await eventually(() => !isAlive(task.pid))
    expect(recordOf(task).info.retiredAt).toEqual(expect.any(Number))
  })

  test.runIf(needs('root'))(
    'a supervisor that cannot write its record stays, and retires when it can',
    {
      timeout: 30_000,
    },
    async () => {
      const pool = makePool({ supervisor, lingerMs: 0 })
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', pool.path])
      onTestFinished(() => void execFileSync('umount', ['--lazy', pool.path]))
      const task = await pool.spawn({ cmd: 'read go; exit 5' })
      const filler = join(pool.path, 'filler')
      const { bavail, bsize } = statfsSync(pool.path)
      writeFileSync(filler, Buffer.alloc(bavail * bsize))
      await task.stdin.write('\n')
      expect(await task.wait()).toMatchObject({ exitCode: 5 })
      expect((await task.info()).retiredAt).toBeNull()
      rmSync(filler)
      await eventually(() => !isAlive(task.pid), { deadlineMs: 20_000 })
      expect(recordOf(task).info).toMatchObject({ exitStatus: { exitCode: 5 }, retiredAt: expect.any(Number) })
    },
  )
})

function recordOf({ taskPool, pid, taskId }: Task): TaskRecord {
  const name = recordFileName(pid, taskId as string)
  return JSON.parse(readFileSync(join((taskPool as TaskPool).path, name), 'utf8'))
}
