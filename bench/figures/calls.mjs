import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { encode } from '@bgtask/protocol/rpc'
import { echoClient } from '../lib/echo-client.mjs'
import { temporaryPool } from '../lib/environment.mjs'
import { comparePairs } from '../lib/pairs.mjs'

const CALLS = 2_000

const echoServer = new URL('../lib/echo-server.mjs', import.meta.url)

export const getInfo = {
  id: 'rpc',
  title: '`getInfo` on an open connection in a tight loop, against a bare Node echo of the same bytes',
  unit: '×',
  atMost: 1.3,
  run: async ({ supervisor, pairs, onPair }) => {
    const { pool, directory, dispose } = temporaryPool({ supervisor })
    const task = await pool.spawn({ exec: ['sleep', '600'] })
    const replyBytes = encode([1, 1, null, await task.info()]).length
    const requestBytes = encode([0, 1, 'getInfo', []]).length
    const server = fork(echoServer, [join(directory, 'echo'), requestBytes, replyBytes])
    try {
      await once(server, 'message')
      const echo = await echoClient(join(directory, 'echo'), requestBytes, replyBytes)
      const loop = (call) => async () => {
        const start = performance.now()
        for (let index = 0; index < CALLS; index += 1) await call()
        return ((performance.now() - start) / CALLS) * 1_000
      }
      const result = await comparePairs(
        pairs,
        loop(() => task.info()),
        loop(echo.call),
        onPair,
      )
      echo.end()
      const detail = `${result.ours.toFixed(1)} µs, echo of ${replyBytes} bytes: ${result.theirs.toFixed(1)} µs`
      return { value: result.ratio, spread: result.ratios, detail }
    } finally {
      server.kill('SIGKILL')
      await dispose()
    }
  },
}
