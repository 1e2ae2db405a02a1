import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { childrenOf, eventually, isAlive, needs, pathOf, processArgv, processEnv, processStat } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { spawnTask } from '../support/tasks.js'

const built = resolve(import.meta.dirname, `../../../supervisor-linux-${process.arch}/bgtask-supervisor`)

const nativePool = () => makePool({ supervisor: 'native' })
const spawnersOf = (pid: number) => childrenOf(pid).filter((child) => processArgv(child).includes('--spawner'))

/** The spawner of this process; there is one after two spawns. */
async function spawner(): Promise<number> {
  const pool = nativePool()
  await spawnTask(pool)
  await spawnTask(pool)
  return eventually(() => {
    const [found, ...others] = spawnersOf(process.pid)
    return others.length === 0 ? found : undefined
  })
}

describe.runIf(existsSync(built))('the spawner of a process', () => {
  test('is started with the second spawn, and serves all pools', async () => {
    const first = await spawnTask(nativePool())
    expect(processEnv(first.pid).BGTASK_DETACH).toBe('1')
    expect(spawnersOf(process.pid)).toEqual([])
    const second = await spawnTask(nativePool())
    expect(processEnv(second.pid)).not.toHaveProperty('BGTASK_DETACH')
    const [pid, ...others] = spawnersOf(process.pid)
    expect(others).toEqual([])
    await spawnTask(nativePool())
    expect(spawnersOf(process.pid)).toEqual([pid])
  })

  test('is not used for a task in the foreground', async () => {
    await spawner()
    const { pid } = await spawnTask(nativePool(), { cmd: 'sleep 1000', behavior: 'foreground' })
    expect(processStat(pid)?.ppid).toBe(process.pid)
  })

  test('that was killed is replaced', async () => {
    const pid = await spawner()
    process.kill(pid, 'SIGKILL')
    await eventually(() => !isAlive(pid))
    expect((await (await spawnTask(nativePool())).info()).state).toBe('running')
    expect(await spawner()).not.toBe(pid)
  })

  test('that is killed during a launch leaves that to its caller', async () => {
    const pid = await spawner()
    process.kill(pid, 'SIGSTOP')
    const spawning = spawnTask(nativePool())
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    process.kill(pid, 'SIGKILL')
    const task = await spawning
    expect(await task.info()).toMatchObject({ state: 'running', supervisorPid: task.pid })
    expect(processEnv(task.pid).BGTASK_DETACH).toBe('1')
  })

  test.runIf(needs('prlimit'))('is replaced when the limits of its caller change', async () => {
    const pid = await spawner()
    const limit = (value: string) => execFileSync(pathOf('prlimit'), [`--core=${value}`, '--pid', String(process.pid)])
    const before = execFileSync(pathOf('prlimit'), [
      '--core',
      '--output=SOFT',
      '--noheadings',
      '--pid',
      String(process.pid),
    ])
    limit('0:')
    onTestFinished(() => void limit(`${String(before).trim()}:`))
    limit('4096:')
    await spawnTask(nativePool())
    const next = await spawner()
    expect(next).not.toBe(pid)
    await eventually(() => !isAlive(pid))
  })
})
