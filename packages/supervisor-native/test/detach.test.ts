import { eventually, isAlive, processStat } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

const DETACH = { BGTASK_DETACH: '1' }

describe.runIf(hasBinary())('a supervisor that detaches itself', () => {
  test.each(['daemon', 'background'] as const)('goes on as another process, as %s', async (behavior) => {
    const launch = new Launch({ env: { ...DETACH, BGTASK_BEHAVIOR: behavior } }).give({ behavior })
    expect(await launch.exitCode()).toBe(0)
    const pid = await launch.ready()
    const { ppid, session, pgrp } = processStat(pid) ?? {}
    expect(pid).not.toBe(launch.process.pid)
    expect(ppid).not.toBe(process.pid)
    const own = processStat(process.pid)
    const expected = behavior === 'daemon' ? { session: pid, pgrp: pid } : { session: own?.session, pgrp: own?.pgrp }
    expect({ session, pgrp }).toEqual(expected)
    expect(launch.stderr).toBe(`DAEMON_PID=${pid}\n`)
    const info = await (await launch.connect()).call('getInfo')
    expect(info).toMatchObject({ supervisorPid: pid, features: expect.arrayContaining(['detach']) })
  })

  test('reports a launch that fails, though the process that was started has exited with 0', async () => {
    const launch = new Launch({ env: DETACH }).give({ exec: ['no-such-program'] })
    expect(await launch.exitCode()).toBe(0)
    expect(await launch.failure()).toMatch(/^BGTASK_ERROR=.*ERR_BGTASK_COMMAND.*not-found/)
    const wrong = new Launch({ env: DETACH }).give(Buffer.from('c1', 'hex'))
    expect(await wrong.exitCode()).toBe(0)
    expect(await wrong.failure()).toMatch(/ERR_BGTASK_INVALID_OPTION/)
  })

  test('does not fork before its stdin ends', async () => {
    const launch = new Launch({ env: DETACH })
    const pid = launch.process.pid ?? 0
    await eventually(() => processStat(pid)?.state === 'S')
    expect(isAlive(pid)).toBe(true)
    launch.give(Buffer.alloc(0))
    expect([await launch.exitCode(), launch.stderr]).toEqual([0, ''])
  })
})
