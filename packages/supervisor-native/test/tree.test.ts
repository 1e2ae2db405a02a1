import { allPids, childrenOf, eventually, isAlive, processStat } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

/** A process that keeps nothing of its task: no session, group, environment, pipe or parent. Its pid is in the file. */
const ESCAPE = `env -i /usr/bin/setsid /bin/sh -c '(/bin/sh -c "echo \\$\\$ > $0; exec sleep 1000" &) ; exit 0' `

describe.runIf(hasBinary())('the tree of a task', () => {
  test('holds a descendant that has dropped session, group, environment, pipes and parent', async () => {
    const launch = new Launch()
    const file = `${launch.path}/pid`
    const cmd = `${ESCAPE.replace('$0', file)} < /dev/null > /dev/null 2>&1; cat ${file}; exec sleep 1000`
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
        (pid) => processStat(pid)?.ppid === launch.process.pid && processStat(pid)?.session !== pid && argv1(pid),
      ),
    )
    await peer.call('stop')
    expect(isAlive(spared)).toBe(true)
    process.kill(spared, 'SIGKILL')
  })
})

function argv1(pid: number): boolean {
  return processStat(pid)?.comm === 'sleep'
}

/** The number that the child writes first. */
async function pidFrom(peer: { call(method: string, params: unknown[]): Promise<unknown> }): Promise<number> {
  const { data } = (await peer.call('readStream', [{ streamId: 1, from: 0, waitMs: 20_000 }])) as { data: Buffer }
  return Number(data.toString())
}
