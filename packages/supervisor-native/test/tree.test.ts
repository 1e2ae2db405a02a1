import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  allPids,
  childrenOf,
  eventually,
  isAlive,
  needs,
  pathOf,
  processEnv,
  processStat,
  tempDir,
} from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { binary, hasBinary } from './support/native.js'

/** A process that keeps nothing of its task: no session, group, environment, pipe or parent. Its pid is in the file. */
const ESCAPE = `env -i /usr/bin/setsid /bin/sh -c '(/bin/sh -c "echo \\$\\$ > $0; exec sleep 1000" &) ; exit 0' `

describe.runIf(hasBinary())('the tree of a task', () => {
  test('holds a descendant that has dropped session, group, environment, pipes and parent', async () => {
    const launch = new Launch()
    const file = `${launch.path}/pid`
    const cmd = `${ESCAPE.replace('$0', file)} < /dev/null > /dev/null 2>&1; until [ -s ${file} ]; do sleep 0.01; done; cat ${file}; exec sleep 1000`
    launch.give({ exec: ['/bin/sh', '-c', cmd] })
    const peer = await launch.connect()
    const escaped = await pidFrom(peer)
    await eventually(() => processStat(escaped)?.ppid === launch.process.pid)
    expect(await peer.call('stop')).toMatchObject({ survivors: [] })
    expect(isAlive(escaped)).toBe(false)
  })

  test('leaves no zombie of an orphan behind', async () => {
    const launch = new Launch().give({ exec: ['/bin/sh', '-c', '(sleep 0.1 &) ; echo 1; exec sleep 1000'] })
    const peer = await launch.connect()
    await pidFrom(peer)
    await eventually(() => childrenOf(launch.process.pid ?? 0).length === 1)
  })

  test('does not hold a child that the supervisor had before it was one, nor the tasks that were started inside', async () => {
    const launch = new Launch()
    // Detached, and so an orphan that comes to the outer supervisor.
    const inner = `BGTASK_BEHAVIOR=daemon env -u BGTASK_COOKIE setsid sh -c '(sleep 1001 < /dev/null > /dev/null 2>&1 &)'`
    launch.give({ exec: ['/bin/sh', '-c', `${inner}; echo 1; exec sleep 1000`] })
    const peer = await launch.connect()
    await pidFrom(peer)
    const spared = await eventually(() =>
      allPids().find(
        (pid) => processStat(pid)?.ppid === launch.process.pid && processStat(pid)?.session !== pid && isSleep(pid),
      ),
    )
    await peer.call('stop')
    expect(isAlive(spared)).toBe(true)
    process.kill(spared, 'SIGKILL')
  })

  // It shows no environment then, and was taken for an orphan of this task.
  test('does not hold a task that was started inside while that is in the middle of an exec', async () => {
    const launch = new Launch()
    const again = join(launch.path, 'again.sh')
    writeFileSync(again, `exec /bin/sh ${again}`)
    const inner = `BGTASK_BEHAVIOR=daemon env -u BGTASK_COOKIE setsid sh -c '(exec sh ${again} < /dev/null > /dev/null 2>&1 &)'`
    launch.give({ exec: ['/bin/sh', '-c', `trap : USR1; ${inner}; echo 1; while :; do sleep 1000; done`] })
    const peer = await launch.connect()
    await pidFrom(peer)
    const spared = await eventually(() =>
      allPids().find((pid) => processStat(pid)?.ppid === launch.process.pid && processStat(pid)?.session !== pid),
    )
    for (let count = 0; count < 100; count += 1) await peer.call('kill', [{ killSignal: 'SIGUSR1', tree: true }])
    expect(isAlive(spared)).toBe(true)
    process.kill(spared, 'SIGKILL')
  })
})

/** Runs a fixture in a pid namespace of its own, as root; what it prints, which is JSON. */
function inPidNamespace(options: readonly string[], fixture: string, ...args: string[]): unknown {
  const reap = ['/bin/sh', '-c', '"$@"; exit $?', 'sh']
  const argv = ['--pid', '--fork', '--kill-child', ...options, ...reap, process.execPath, fixture, ...args]
  return JSON.parse(execFileSync(pathOf('unshare'), argv, { encoding: 'utf8', timeout: 60_000 }))
}

describe.runIf(hasBinary() && needs('root', 'unshare'))('in a pid namespace', () => {
  // The number of a session was believed while no leader of it was there.
  test('a session that has the pid of a former child is left alone, also when its leader has ended', () => {
    const fixture = resolve(import.meta.dirname, '../../supervisor/test/fixtures/reuse-pid.js')
    const result = inPidNamespace(['--mount-proc'], fixture, tempDir(), binary)
    expect(result).toEqual({ survivors: [], bystanderIsAlive: true })
  })

  // Pids of an outer namespace were taken for those of this one, and signalled.
  test('without a /proc of its own, no pid is looked up in the one of others', () => {
    const fixture = join(import.meta.dirname, 'fixtures/foreign-pids.js')
    const result = inPidNamespace([], fixture, tempDir(), binary)
    expect(result).toEqual({ startTimes: [null, null], survivors: [], decoyEndedBy: 'SIGTERM' })
  })
})

test.runIf(hasBinary() && needs('python3'))(
  'a survivor whose main thread has ended is named with its command line',
  async () => {
    const launch = new Launch()
    const program = `import ctypes, signal, threading, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); threading.Thread(target=time.sleep, args=(1000,)).start(); print("1", flush=True); ctypes.CDLL(None).pthread_exit(None)`
    launch.give({ exec: [pathOf('python3'), '-c', program] })
    const peer = await launch.connect()
    await pidFrom(peer)
    const { pid } = (await peer.call('getInfo')) as { pid: number }
    await eventually(() => processStat(pid)?.state === 'Z')
    const steps = [{ killSignal: 'SIGTERM', waitMs: 1 }]
    expect(await peer.call('stop', [{ steps }])).toMatchObject({
      survivors: [{ pid, command: expect.stringContaining('import ctypes') }],
    })
  },
)

/** In the middle of its exec, a process shows no environment yet. */
function isSleep(pid: number): boolean {
  return processStat(pid)?.name === 'sleep' && processEnv(pid).BGTASK_BEHAVIOR !== undefined
}

/** The number that the child writes first. */
async function pidFrom(peer: { call(method: string, params: unknown[]): Promise<unknown> }): Promise<number> {
  const { data } = (await peer.call('readStream', [{ streamId: 1, from: 0, waitMs: 20_000 }])) as { data: Buffer }
  return Number(data.toString())
}
