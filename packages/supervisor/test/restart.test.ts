import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath, supervisorCommand } from '../src/command.js'
import { fixture, makePool, spawnTask } from './support/pool.js'

describe('the restart policy', () => {
  test('counts runs as they last, whatever the wall clock does meanwhile', async () => {
    const argv = [process.execPath, '--require', fixture('jumping-clock.cjs'), daemonPath()]
    const pool = makePool({ supervisorCmd: supervisorCommand(argv) })
    const restart = { on: 'always', delayMs: 0, maxRestarts: 4, resetAfterMs: 600_000 } as const
    const task = await pool.spawn({ cmd: 'exit 1', restart })
    expect(await task.wait({ timeoutMs: 20_000 })).toMatchObject({ run: 5 })
    expect(await task.info()).toMatchObject({ state: 'failed', restarts: 4 })
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
