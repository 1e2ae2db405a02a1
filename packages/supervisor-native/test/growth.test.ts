import { readFileSync } from 'node:fs'
import { eventually, processFds } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

/** The order of reads is kept up to this size; a busy machine fills it later, since it reads in smaller pieces. */
const ORDER_LOG_KB = 256

describe.runIf(hasBinary())('what a supervisor holds', () => {
  test('is little, and does not grow with runs, clients, calls and output', async () => {
    const launch = new Launch().give({
      exec: ['/bin/sh', '-c', 'head -c 50000000 /dev/zero; echo end >&2'],
      maxReadBufSize: 100_000,
    })
    const pid = await launch.ready()
    const round = async () => {
      const peer = await launch.connect()
      await peer.call('waitExit', [{ waitMs: 20_000 }])
      await peer.call('subscribe')
      for (let calls = 0; calls < 200; calls += 1) await peer.call('getInfo')
      for (let metas = 0; metas < 20; metas += 1)
        await peer.call('applyMeta', [{ patch: { text: 'x'.repeat(metas * 1_000) } }])
      await peer.call('restart')
      peer.close()
    }
    for (let rounds = 0; rounds < 3; rounds += 1) await round()
    const before = await settled(pid)
    for (let rounds = 0; rounds < 6; rounds += 1) await round()
    const after = await settled(pid)
    expect(after.fds).toBeLessThanOrEqual(before.fds)
    expect(after.privateKb).toBeLessThan(before.privateKb + ORDER_LOG_KB + 100)
    expect(after.privateKb).toBeLessThan(1_000)
  })
})

/** When its child is over, and all clients are gone. */
async function settled(pid: number): Promise<{ fds: number; privateKb: number }> {
  const fds = await eventually(() => {
    const open = [...processFds(pid).values()]
    const [pipes, sockets] = ['pipe', 'socket'].map((kind) => open.filter((target) => target.startsWith(kind)).length)
    // The one that listens stays.
    return pipes === 0 && sockets === 1 && open.length
  })
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return { fds, privateKb: Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1]) }
}
