import { chmodSync, chownSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { COOKIE_VARIABLE } from '@bgtask/os'
import {
  allPids,
  eventually,
  isAlive,
  needs,
  pathOf,
  processEnv,
  processStat,
  reachable,
  reachableNode,
  tempDir,
} from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { daemonPath, supervisorCommand } from '../src/command.js'
import { fixture, makePool, recordOf, spawnTask, told } from './support/pool.js'

/** Deaf children are not waited for long. */
const STEPS = [
  { killSignal: 'TERM', waitMs: 300 },
  { killSignal: 'KILL', waitMs: 10_000 },
] as const

/** A process that tells its pid and then does nothing. */
const LEAF = `sh -c 'echo p=$$; exec sleep 1000'`

/** All of what a task started and was not `env -i`ed. */
function carriersOf(taskId: string): number[] {
  return allPids().filter((pid) => processEnv(pid)[COOKIE_VARIABLE] === taskId && isAlive(pid))
}

async function expectStopEndsAll(task: Task, ...pids: number[]): Promise<void> {
  const { taskId } = await task.info()
  expect(pids.every(isAlive)).toBe(true)
  const { survivors } = await task.stop()
  expect(survivors).toEqual([])
  expect(pids.filter(isAlive)).toEqual([])
  expect(carriersOf(taskId)).toEqual([])
}

describe('stop ends the whole tree', () => {
  test('a shell that keeps making children, and does not listen to TERM', async () => {
    const task = await spawnTask({ cmd: `trap '' TERM; while :; do setsid sleep 1000 & echo p=$!; done`, stop: STEPS })
    await expectStopEndsAll(task, await told(task, 'p'))
  })
})

test('a task that was started inside a task is spared', async () => {
  const pool = makePool()
  const outer = await pool.spawn({ exec: [process.execPath, fixture('spawn-inside.js')], stop: STEPS })
  const inner = await told(outer, 'inner')
  const [innerTask] = await pool.search({ meta: { name: 'inner' } })
  expect(innerTask?.pid).toBe(inner)
  await outer.stop()
  expect(await innerTask?.info()).toMatchObject({ state: 'running' })
})

describe.runIf(needs('root', 'setpriv'))('a process that the supervisor may not signal', () => {
  test('is named as a survivor in the result and on record, and the record outlives the supervisor', async () => {
    const nobody = 65_534
    const files = tempDir()
    chmodSync(files, 0o755)
    // Set-uid, it becomes root with real uid and all, out of reach of nobody's signals.
    const becomeRoot = join(files, 'setpriv')
    copyFileSync(pathOf('setpriv'), becomeRoot)
    chmodSync(becomeRoot, 0o4755)
    const asNobody = [pathOf('setpriv'), `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    const pool = makePool({
      supervisorCmd: [...asNobody, ...supervisorCommand([reachableNode(), reachable(daemonPath())])],
    })
    chownSync(pool.path, nobody, nobody)

    // As long as it takes until all the others have ended.
    const stop = [{ killSignal: 'KILL', waitMs: 1_000 }] as const
    const task = await pool.spawn({ cmd: `${becomeRoot} --reuid=0 ${LEAF} & wait`, cwd: '/', stop })
    const pid = await told(task, 'p')
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL')
    })
    const named = [{ pid, startTime: processStat(pid)?.startTime, command: 'sleep 1000' }]
    expect(await task.stop()).toMatchObject({ exitStatus: { signal: 'SIGKILL', cause: 'stopped' }, survivors: named })
    expect(await task.info()).toMatchObject({ exitStatus: { survivors: named } })
    expect((await recordOf(task)).info.exitStatus?.survivors).toEqual(named)

    expect(await task.terminateSupervisor()).toMatchObject({ survivors: named })
    const lost = await eventually(async () => (await pool.lost())[0])
    expect(lost).toMatchObject({ state: 'orphaned', taskId: (await recordOf(task)).info.taskId })
  })
})
