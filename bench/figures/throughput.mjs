import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs } from '../lib/pairs.mjs'

const GIBIBYTE = 2 ** 30
const bareReader = fileURLToPath(new URL('../lib/bare-reader.mjs', import.meta.url))

/** Milliseconds that a bare Node takes to read 1 GiB from a real pipe, which `sh` makes. */
async function bareRead() {
  const text = execFileSync('/bin/sh', ['-c', 'head -c 1G /dev/zero | "$@"', 'sh', process.execPath, bareReader])
  const { total, ms } = JSON.parse(text)
  if (total !== GIBIBYTE) throw new Error(`read ${total} bytes`)
  return ms
}

/** As speed: how many times as fast as the bare reader. */
async function compare(pairs, ours, onPair) {
  const result = await comparePairs(pairs, ours, bareRead, onPair)
  const speed = (ms) => `${Math.round(GIBIBYTE / 2 ** 20 / (ms / 1_000))} MiB/s`
  return {
    value: 1 / result.ratio,
    spread: result.ratios.map((ratio) => 1 / ratio).reverse(),
    detail: `${speed(result.ours)}, bare Node: ${speed(result.theirs)}`,
  }
}

const KILL = { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] }

export const drain = {
  id: 'drain',
  title: 'drain of 1 GiB while the last MiB is kept, against a bare Node that keeps nothing',
  unit: '×',
  atLeast: 0.85,
  run: async ({ pairs, onPair }) => {
    const { pool, dispose } = temporaryPool()
    const drainOnce = async () => {
      const task = await pool.spawn({ cmd: 'read _; exec head -c 1G /dev/zero', maxReadBufSize: 2 ** 20 })
      const start = performance.now()
      await task.stdin.write('\n')
      await task.wait()
      const ms = performance.now() - start
      const { endOffset } = await task.stdout.info()
      if (endOffset !== GIBIBYTE) throw new Error(`read ${endOffset} bytes`)
      await task.terminateSupervisor(KILL)
      return ms
    }
    try {
      return await compare(pairs, drainOnce, onPair)
    } finally {
      await dispose()
    }
  },
}

export const followBlock = {
  id: 'follow-block',
  title: 'following 1 GiB through a 1 MiB buffer with `overflow: block`, against a bare Node that reads the same',
  unit: '×',
  atLeast: 0.5,
  run: async ({ pairs, onPair }) => {
    const { pool, dispose } = temporaryPool()
    const followOnce = async () => {
      const options = { maxReadBufSize: 2 ** 20, overflow: 'block' }
      const task = await pool.spawn({ cmd: 'read _; exec head -c 1G /dev/zero', ...options })
      let total = 0
      const start = performance.now()
      await task.stdin.write('\n')
      for await (const chunk of task.stdout.follow({ discard: true })) total += chunk.data.length
      const ms = performance.now() - start
      if (total !== GIBIBYTE) throw new Error(`followed ${total} bytes`)
      await task.terminateSupervisor(KILL)
      return ms
    }
    try {
      return await compare(pairs, followOnce, onPair)
    } finally {
      await dispose()
    }
  },
}
