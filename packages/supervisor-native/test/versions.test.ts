import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

describe.runIf(hasBinary())('what a supervisor can do', () => {
  test('is listed, and a spec that needs more fails the launch', async () => {
    const fine = await new Launch().give({ needs: ['detach'] }).connect()
    expect(await fine.call('hello')).toMatchObject({ features: ['detach', 'linger', 'spool'] })
    const launch = new Launch().give({ needs: ['detach', 'flying', 'pty'] })
    expect(await launch.failure()).toMatch(/ERR_BGTASK_UNSUPPORTED.*flying.*pty/)
  })

  test('does not include being another task', async () => {
    const taskId = '0123456789abcdef'
    const launch = new Launch().give({ taskId })
    const peer = await launch.connect()
    expect(await peer.call('hello', [{ taskId }])).toMatchObject({ taskId })
    await expect(peer.call('hello', [{ taskId: 'f'.repeat(16) }])).rejects.toMatchObject({
      remoteCode: 'ERR_BGTASK_TASK_GONE',
    })
    await eventually(() => peer.closed)
  })
})
