import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs, median } from '../lib/pairs.mjs'

const GIBIBYTE = 2 ** 30
const RELAYS = 5
const bareRelayer = fileURLToPath(new URL('../lib/bare-relay.mjs', import.meta.url))
const bareReader = fileURLToPath(new URL('../lib/bare-reader.mjs', import.meta.url))

/** Milliseconds that a bare Node takes to read 1 GiB from a real pipe, which `sh` makes. */
async function bareRead() {
  const text = execFileSync('/bin/sh', ['-c', 'head -c 1G /dev/zero | "$@"', 'sh', process.execPath, bareReader])
  const { total, ms } = JSON.parse(text)
  if (total !== GIBIBYTE) throw new Error(`read ${total} bytes`)
  return ms
}

/** The same over a unix socket to a second Node, which is what following takes at the least: no buffer, no messages. */
function bareRelay(socketPath) {
  const script =
    '"$@" read "$0" & while [ ! -S "$0" ]; do sleep 0.01; done; head -c 1G /dev/zero | "$@" relay "$0"; wait'
  const { total, ms } = JSON.parse(
    execFileSync('/bin/sh', ['-c', script, socketPath, process.execPath, bareRelayer], { encoding: 'utf8' }),
  )
  if (total !== GIBIBYTE) throw new Error(`relayed ${total} bytes`)
  return ms
}

const speed = (ms) => `${Math.round(GIBIBYTE / 2 ** 20 / (ms / 1_000))} MiB/s`

/** As speed: how many times as fast as the bare reader. */
async function compare(pairs, ours, onPair) {
  const result = await comparePairs(pairs, ours, bareRead, onPair)
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
    const { pool, directory, dispose } = temporaryPool()
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
      const result = await compare(pairs, followOnce, onPair)
      const relays = Array.from({ length: RELAYS }, (_, index) => bareRelay(join(directory, `relay${index}`)))
      return { ...result, detail: `${result.detail}, bare Nodes over a unix socket: ${speed(median(relays))}` }
    } finally {
      await dispose()
    }
  },
}
