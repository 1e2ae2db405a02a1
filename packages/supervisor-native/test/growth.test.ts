import { readFileSync } from 'node:fs'
import { eventually, processFds } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

/** A chunk in the log of the order of reads, which is bounded, but on a busy machine still grows: it reads in smaller pieces. */
const CHUNK_BYTES = 32

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
    const before = await settled(launch, pid)
    for (let rounds = 0; rounds < 6; rounds += 1) await round()
    const after = await settled(launch, pid)
    expect(after.fds).toEqual(before.fds)
    expect(after.privateKb).toBeLessThan(before.privateKb + 100)
    expect(after.privateKb).toBeLessThan(700)
  })
})

/** When its child is over, and all clients are gone; the memory without the log of the order of reads. */
async function settled(launch: Launch, pid: number): Promise<{ fds: string[]; privateKb: number }> {
  const peer = await launch.connect()
  await peer.call('waitExit', [{ waitMs: 20_000 }])
  const { seq, endSeq } = (await peer.call('readOrder', [{ maxChunks: 1 }])) as { seq: number; endSeq: number }
  peer.close()
  const fds = await eventually(() => {
    const open = [...processFds(pid).values()].map((target) => target.replace(/\d+/, ''))
    // The socket that listens stays.
    const [pipes, sockets] = ['pipe', 'socket'].map((kind) => open.filter((target) => target.startsWith(kind)).length)
    return pipes === 0 && sockets === 1 && open.sort()
  })
  // Its capacity doubles when it is full.
  const orderBytes = CHUNK_BYTES * 2 ** Math.ceil(Math.log2(Math.max(1, endSeq - seq)))
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return { fds, privateKb: Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1]) - orderBytes / 1024 }
}
