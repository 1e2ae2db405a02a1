import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { eventually, isAlive, needs, pathOf, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { fixture, killSupervisor, makePool, spawnTask, told } from './support/pool.js'

const TERM = [{ killSignal: 'TERM', waitMs: 100 }] as const
const KILL = [{ killSignal: 'KILL', waitMs: 10_000 }] as const

/** Only its parent tells that it belongs to the task, and it ignores the signal that ends its parent. */
const DEAF = `env -i setsid /bin/sh -c 'trap "" TERM; echo p=$$; exec </dev/null >/dev/null 2>&1; while :; do sleep 0.1; done' & wait`

describe('a process that was found by its parent stays found when the parent has ended', () => {
  test('in a later stop of the same supervisor, with the children that it started meanwhile', async () => {
    const task = await spawnTask({ cmd: DEAF })
    const pid = await told(task, 'p')
    const { exitStatus, survivors } = await task.stop({ steps: TERM })
    expect(exitStatus).toMatchObject({ signal: 'SIGTERM' })
    expect(survivors.map((survivor) => survivor.pid)).toContain(pid)
    expect(await task.terminateSupervisor({ steps: KILL })).toMatchObject({ survivors: [] })
    expect(isAlive(pid)).toBe(false)
  })

  test('in each stop of a lost task', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: DEAF })
    const pid = await told(task, 'p')
    await killSupervisor(task)
    const [lost] = await pool.lost()
    expect((await lost?.stop({ steps: TERM }))?.map((survivor) => survivor.pid)).toContain(pid)
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    expect(isAlive(pid)).toBe(false)
  })

  test('by the record that a supervisor left behind', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: DEAF })
    const pid = await told(task, 'p')
    await task.terminateSupervisor({ steps: TERM })
    const [lost] = await eventually(async () => {
      const tasks = await pool.lost()
      return tasks.length > 0 && tasks
    })
    expect(lost?.state).toBe('orphaned')
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    expect(isAlive(pid)).toBe(false)
  })
})

describe.runIf(needs('python3'))('a process whose main thread has ended, but not its others, lives', () => {
  const python = (setUp: string) => [
    pathOf('python3'),
    '-c',
    `import ctypes, os, signal, threading, time; ${setUp}; threading.Thread(target=time.sleep, args=(1000,)).start(); print("p=%d" % os.getpid(), flush=True); ctypes.CDLL(None).pthread_exit(None)`,
  ]
  const whenMainThreadEnded = (pid: number) => eventually(() => processStat(pid)?.state === 'Z')

  test('as an orphan: it is reported, its record stays, and it can be stopped', async () => {
    const pool = makePool()
    const task = await pool.spawn({ exec: python('pass') })
    const pid = await told(task, 'p')
    await whenMainThreadEnded(pid)
    await killSupervisor(task)
    const [lost] = await pool.lost()
    expect(lost?.state).toBe('orphaned')
    await pool.sweep()
    expect(readdirSync(pool.path)).toEqual([`${task.pid}.${lost?.taskId}.json`])
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    await eventually(() => !isAlive(pid))
    expect(lost?.state).toBe('lost')
  })

  test('as one that only its environment or its pipes connect with the task', async () => {
    const [program, ...args] = python('os.setsid()')
    const task = await spawnTask({
      cmd: `("$PROGRAM" "$@" & exit 0); exit 0`.replace('"$@"', args.map((arg) => `'${arg}'`).join(' ')),
      env: { PROGRAM: program as string },
    })
    const pid = await told(task, 'p')
    await task.wait()
    await whenMainThreadEnded(pid)
    expect(await task.stop({ steps: KILL })).toMatchObject({ survivors: [] })
    await eventually(() => !isAlive(pid))
  })
})

test.runIf(needs('root', 'unshare'))(
  'a session that has the pid of a former child is left alone, also when its leader has ended',
  async () => {
    const reap = '"$@"; exit $?'
    const argv = [
      '-pf',
      '--mount-proc',
      '/bin/sh',
      '-c',
      reap,
      'sh',
      process.execPath,
      fixture('reuse-pid.js'),
      tempDir(),
    ]
    const output = execFileSync(pathOf('unshare'), argv, { encoding: 'utf8', timeout: 60_000 })
    expect(JSON.parse(output)).toEqual({ survivors: [], bystanderIsAlive: true })
  },
)
