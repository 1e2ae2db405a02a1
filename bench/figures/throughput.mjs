import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs } from '../lib/pairs.mjs'

const GIBIBYTE = 2 ** 30
const bareRelayer = fileURLToPath(new URL('../lib/bare-relay.mjs', import.meta.url))

/** Milliseconds that a program in C takes to read 1 GiB from a real pipe, which `sh` makes. */
const bareRead = (reader) => async () => {
  const { total, ms } = JSON.parse(execFileSync('/bin/sh', ['-c', 'head -c 1G /dev/zero | "$0"', reader]))
  if (total !== GIBIBYTE) throw new Error(`read ${total} bytes`)
  return ms
}

function compileReader(directory) {
  const reader = join(directory, 'bare-reader')
  execFileSync('cc', ['-O2', '-o', reader, join(import.meta.dirname, '../lib/bare-reader.c')])
  return reader
}

/** Milliseconds that one bare Node takes to send as much from such a pipe over a unix socket to another: no buffer, no messages. */
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

/** As speed: how many times as fast as the bare program. */
async function compare(pairs, ours, [name, theirs], onPair) {
  const result = await comparePairs(pairs, ours, theirs, onPair)
  return {
    value: 1 / result.ratio,
    spread: result.ratios.map((ratio) => 1 / ratio).reverse(),
    detail: `${speed(result.ours)}, ${name}: ${speed(result.theirs)}`,
  }
}

const KILL = { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] }

export const drain = {
  id: 'drain',
  title: 'drain of 1 GiB while the last MiB is kept, against a bare reader in C that keeps nothing',
  unit: '×',
  atLeast: 0.95,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, directory, dispose } = temporaryPool({ supervisor })
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
      return await compare(pairs, drainOnce, ['bare reader', bareRead(compileReader(directory))], onPair)
    } finally {
      await dispose()
    }
  },
}

export const followBlock = {
  id: 'follow-block',
  title: 'following 1 GiB through a 1 MiB buffer with `overflow: block`, against two bare Nodes that relay it',
  unit: '×',
  atLeast: 1,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, directory, dispose } = temporaryPool({ supervisor })
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
      let relays = 0
      const relay = async () => {
        relays += 1
        return bareRelay(join(directory, `relay${relays}`))
      }
      return await compare(pairs, followOnce, ['bare Nodes', relay], onPair)
    } finally {
      await dispose()
    }
  },
}
