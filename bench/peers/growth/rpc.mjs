import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf, temporaryPool } from '../../lib/environment.mjs'
import { median } from '../../lib/pairs.mjs'
import { connectFollowers } from '../lib/followers.mjs'
import { timed } from '../lib/measure.mjs'

const MIB = 2 ** 20
/** Until what filling a buffer left to be collected is gone (ms). */
const SETTLE_MS = 1_500

const KILL = { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] }

/** Times of calls, and the supervisor's memory, against the size of a full buffer and the number of followers. */
export const growthOfRpc = {
  id: 'growth-rpc',
  title: 'Growth of RPC time and memory with buffer size and followers',
  run: async ({ plan, onSample }) => {
    const { pool, dispose } = temporaryPool()
    try {
      const bySize = { time: [], memory: [] }
      for (const mebibytes of plan.bufferMiB) {
        onSample(`buffer of ${mebibytes} MiB`)
        await withFullBuffer(pool, mebibytes * MIB, (task) => measureAt(task, mebibytes, plan.calls, bySize))
      }
      const byFollowers = { time: [], memory: [] }
      for (const count of plan.followers) {
        onSample(`${count} followers`)
        await withFollowers(pool, count, (task) => measureAt(task, count, plan.calls, byFollowers))
      }
      return [
        {
          file: 'rpc-time-by-buffer',
          title: 'Time of a call, by buffer in use',
          x: 'MiB kept',
          y: 'µs',
          points: bySize.time,
        },
        {
          file: 'rpc-memory-by-buffer',
          title: "Supervisor's private memory, by buffer in use",
          x: 'MiB kept',
          y: 'MiB',
          points: bySize.memory,
        },
        {
          file: 'rpc-time-by-followers',
          title: 'Time of a call, by followers of 1,000 lines/s',
          x: 'followers',
          y: 'µs',
          points: byFollowers.time,
        },
        {
          file: 'rpc-memory-by-followers',
          title: "Supervisor's private memory, by followers",
          x: 'followers',
          y: 'MiB',
          points: byFollowers.memory,
        },
      ]
    } finally {
      await dispose()
    }
  },
}

async function withFullBuffer(pool, bytes, use) {
  const task = await pool.spawn({ cmd: `head -c ${bytes + MIB} /dev/zero; exec sleep 600`, maxReadBufSize: bytes })
  try {
    for (let offset = 0; offset < bytes + MIB; ) {
      const chunk = await task.stdout.read({ from: offset, waitMs: 5_000 })
      offset = chunk.endOffset
    }
    await use(task)
  } finally {
    await task.terminateSupervisor(KILL)
  }
}

/** The lines come in bursts of ten, 100 times a second, and every follower gets them all. */
async function withFollowers(pool, count, use) {
  const code = "setInterval(() => process.stdout.write('a line of output, not long\\n'.repeat(10)), 10)"
  const task = await pool.spawn({ exec: [process.execPath, '-e', code], maxReadBufSize: MIB })
  const disconnect = await connectFollowers(pool.path, task.pid, count)
  try {
    await use(task)
  } finally {
    await disconnect()
    await task.terminateSupervisor(KILL)
  }
}

async function measureAt(task, x, calls, { time, memory }) {
  await sleep(SETTLE_MS)
  memory.push({ series: 'before the calls', x, y: memoryOf(task.pid) / MIB })
  const { endOffset } = await task.stdout.info()
  const from = Math.max(0, endOffset - 65_536)
  const kinds = {
    getInfo: () => task.info(),
    'readStream of 64 KiB': () => task.stdout.read({ from, maxBytes: 65_536 }),
  }
  for (const [series, call] of Object.entries(kinds)) {
    const times = []
    for (let index = 0; index < calls; index += 1) times.push((await timed(call)) * 1_000)
    time.push({ series, x, y: median(times) })
  }
  memory.push({ series: 'right after the calls', x, y: memoryOf(task.pid) / MIB })
}
