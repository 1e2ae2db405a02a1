import { chmodSync, chownSync, copyFileSync } from 'node:fs'
import { createServer } from 'node:net'
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
  test.each([
    ['a child that ignores INT and TERM', `trap '' INT TERM; ${LEAF} & wait`],
    ['a grandchild in a session of its own', `setsid ${LEAF} & wait`],
    ['a grandchild that forked twice, in a session of its own', `(setsid ${LEAF} &); sleep 1000`],
    ['a child with a cleared environment', `exec env -i ${LEAF}`],
    ['a grandchild with a cleared environment', `env -i ${LEAF} & wait`],
    [
      'one that cleared its environment, left the session and forked twice, but holds a pipe',
      `(env -i setsid ${LEAF} &); sleep 1000`,
    ],
    [
      'one that dropped pipes, environment and session, below a parent that runs',
      `env -i setsid sh -c 'echo p=$$; exec sleep 1000 <&- >/dev/null 2>&1' & wait`,
    ],
  ])('%s', async (_, cmd) => {
    const task = await spawnTask({ cmd, stop: STEPS })
    await expectStopEndsAll(task, await told(task, 'p'))
    expect((await task.info()).exitStatus).toMatchObject({ cause: 'stopped' })
  })

  test('what a child left behind that is over itself', async () => {
    const task = await spawnTask({ cmd: `(setsid ${LEAF} &)`, stop: STEPS })
    const pid = await told(task, 'p')
    expect(await task.wait()).toMatchObject({ exitCode: 0, cause: 'exit' })
    await expectStopEndsAll(task, pid)
    expect((await task.info()).exitStatus).toMatchObject({ exitCode: 0, cause: 'exit' })
  })

  test('what an earlier run left in its session, without pipes and environment', async () => {
    const leaf = `env -i sh -c 'echo p=$$; exec sleep 1000 <&- >/dev/null 2>&1' &`
    const cmd = `[ -e again ] && exec sleep 1000; touch again; ${leaf} sleep 0.1`
    const task = await spawnTask({ cmd, cwd: tempDir(), stop: STEPS })
    const pid = await told(task, 'p')
    await task.wait()
    expect(await task.restart()).toBe(true)
    await expectStopEndsAll(task, pid)
  })

  test('a shell that keeps making children, and does not listen to TERM', async () => {
    const task = await spawnTask({ cmd: `trap '' TERM; while :; do setsid sleep 1000 & echo p=$!; done`, stop: STEPS })
    await expectStopEndsAll(task, await told(task, 'p'))
  })

  test('a tree that is stopped by SIGSTOP gets to act on the first signal', async () => {
    const cmd = `trap 'echo bye=1; exit 3' TERM; ${LEAF} & read _; kill -STOP $! $$; wait`
    const task = await spawnTask({ cmd, stop: [{ killSignal: 'TERM', waitMs: 10_000 }] })
    const pid = await told(task, 'p')
    await task.stdin.write('\n')
    await eventually(async () => processStat((await task.info()).pid ?? 0)?.state === 'T')
    await eventually(async () => (await task.info()).state === 'paused')
    await expectStopEndsAll(task, pid)
    expect((await task.info()).exitStatus).toMatchObject({ exitCode: 3, cause: 'stopped' })
  })

  test('a grandchild that holds a port gives it free', async () => {
    const program = `const s = require('net').createServer().listen(0, () => console.log('p=' + process.pid + '\\nport=' + s.address().port))`
    const task = await spawnTask({
      cmd: `setsid "$NODE" -e "${program}" & wait`,
      env: { NODE: process.execPath },
      stop: STEPS,
    })
    const pid = await told(task, 'p')
    const port = await told(task, 'port')
    await expectStopEndsAll(task, pid)
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve))
    await new Promise((resolve) => server.close(resolve))
  })
})

test('kill with tree reaches everybody, kill alone only the child', async () => {
  const task = await spawnTask({
    cmd: `trap 'echo usr1=1' USR1; setsid sh -c 'trap "echo usr1=2" USR1; echo p=$$; while :; do sleep 0.02; done' & while :; do sleep 0.02; done`,
  })
  await told(task, 'p')
  expect(await task.kill('USR1')).toBe(true)
  await task.stdout.waitFor('usr1=1\n')
  expect(await task.kill('USR1', { tree: true })).toBe(true)
  await task.stdout.waitFor('usr1=2\n')
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
