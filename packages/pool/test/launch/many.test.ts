import { readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { eventually, isAlive, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { expectNothingLeft, makePool } from '../support/directory.js'

const TIMEOUT_MS = 120_000

/** A supervisor that notes that it runs, and fails when it may go on. */
const NOTING = 'touch "$DIR/on.$$"; while ! [ -e "$DIR/go" ]; do sleep 0.05; done; rm "$DIR/on.$$"; exit 1'

describe('many at once', () => {
  test('spawns wait for their turn, and the time that they wait does not count', { timeout: TIMEOUT_MS }, async () => {
    const pool = makePool()
    const count = 60
    // All of them together take longer, where a few at a time do not.
    const launchTimeoutMs = 2_500
    const spawned = await Promise.allSettled(
      Array.from({ length: count }, () => pool.spawn({ exec: ['sleep', '1000'], launchTimeoutMs })),
    )
    expect(spawned.filter(({ status }) => status === 'rejected')).toEqual([])
    const tasks = await pool.search()
    expect(tasks).toHaveLength(count)
    expect(await pool.search((info) => info.state === 'running')).toHaveLength(count)

    // Said in the same turn in which it resolves: a process that is exiting still is one.
    const alive: number[] = []
    const terminated = tasks.map(async (task) => {
      await task.terminateSupervisor()
      if (isAlive(task.pid)) alive.push(task.pid)
    })
    await Promise.all(terminated)
    expect(alive).toEqual([])
    expectNothingLeft(pool)
  })

  test('launches that hang keep the others waiting for a moment only', async () => {
    const directory = tempDir()
    const limit = 2 * availableParallelism()
    const pool = makePool({ supervisorCmd: ['/bin/sh', '-c', NOTING], supervisorEnv: { DIR: directory } })
    const launches = Array.from({ length: 2 * limit }, () => pool.spawn({ cmd: 'never run' }))
    const settled = Promise.allSettled(launches)
    const running = () => readdirSync(directory).filter((name) => name.startsWith('on.')).length
    await eventually(() => running() === limit)
    await eventually(() => running() === 2 * limit)
    writeFileSync(join(directory, 'go'), '')
    for (const launch of await settled) expect(launch).toMatchObject({ reason: { code: 'ERR_BGTASK_LAUNCH' } })
  })

  test('a spawn that is given up while it waits is never started', async () => {
    const directory = tempDir()
    const limit = 2 * availableParallelism()
    const pool = makePool({ supervisorCmd: ['/bin/sh', '-c', NOTING], supervisorEnv: { DIR: directory } })
    const first = Promise.allSettled(Array.from({ length: limit }, () => pool.spawn({ cmd: 'never run' })))
    const controller = new AbortController()
    const second = pool.spawn({ cmd: 'never run', env: { SECOND: '1' }, signal: controller.signal })
    controller.abort('changed my mind')
    await expect(second).rejects.toBe('changed my mind')
    writeFileSync(join(directory, 'go'), '')
    await first
  })
})
