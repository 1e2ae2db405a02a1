import { copyFileSync, cpSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { eventually, isAlive, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { killSupervisor, makePool, supervisorCmd, textOf } from './support/pool.js'

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

describe('a supervisor that was SIGKILLed', () => {
  test('its child runs on, and writing does not kill it', async () => {
    const pool = makePool()
    const cwd = tempDir()
    const cmd = 'while ! [ -e go ]; do sleep 0.01; done; echo out; echo error >&2; echo $? > wrote; sleep 1000'
    const task = await pool.spawn({ cmd, cwd })
    const { pid, taskId } = await task.info()
    await killSupervisor(task)
    writeFileSync(join(cwd, 'go'), '')
    await eventually(() => readdirSync(cwd).includes('wrote'))
    expect(isAlive(pid ?? 0)).toBe(true)

    expect(await pool.search()).toEqual([])
    expect(await pool.taskByPid(task.pid)).toBeUndefined()
    const [lost] = await pool.lost()
    expect(lost).toMatchObject({ taskId, state: 'orphaned', info: { state: 'orphaned', exitStatus: null } })
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    expect(isAlive(pid ?? 0)).toBe(false)
    expect(lost?.state).toBe('lost')
  })
})

describe('an upgrade while tasks run', () => {
  test('the file of the daemon is replaced by garbage and deleted: what runs goes on, restarts, and ends in order', async () => {
    const install = tempDir()
    cpSync(dirname(daemonPath()), install, { recursive: true })
    const daemon = join(install, 'daemon.cjs')
    const pool = makePool({ supervisorCmd: supervisorCmd(daemon) })
    const task = await pool.spawn({ cmd: 'echo run; read _', lockfile: join(tempDir(), 'lock') })
    const next = join(install, 'next')
    writeFileSync(next, 'throw new Error("half an upgrade")')
    renameSync(next, daemon)
    await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LAUNCH',
      stderr: expect.stringContaining('half an upgrade'),
    })
    renameSync(install, `${install}-gone`)
    for (const run of [1, 2, 3]) {
      await task.stdin.write('\n')
      await task.wait({ run })
      expect(await task.restart()).toBe(true)
    }
    await expect(task.kill('NOTHING' as never)).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION' })
    expect(await textOf(task)).toMatch(/^(run\n){3,4}$/)
    expect(await task.terminateSupervisor()).toMatchObject({ survivors: [] })
    renameSync(`${install}-gone`, install)

    copyFileSync(daemonPath(), daemon)
    const upgraded = await pool.spawn({ cmd: 'echo new' })
    await upgraded.wait()
    expect(await textOf(upgraded)).toBe('new\n')
  })
})
