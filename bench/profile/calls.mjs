import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { decode, encode } from '@bgtask/protocol/rpc'
import { echoClient } from '../lib/echo-client.mjs'
import { temporaryPool } from '../lib/environment.mjs'
import { median } from '../lib/pairs.mjs'
import { cpuMsOf } from '../lib/processes.mjs'

const CALLS = 2_000
const echoServer = new URL('../lib/echo-server.mjs', import.meta.url)

export const callParts = {
  id: 'calls',
  title: 'Where the time of a call goes: `getInfo` on an open connection, 2,000 in a loop',
  columns: ['what', 'µs a call', 'of it on a CPU in the caller', 'of it on a CPU in the other process'],
  run: async ({ rounds }) => {
    const { pool, directory, dispose } = temporaryPool()
    const task = await pool.spawn({ exec: ['sleep', '600'] })
    const info = await task.info()
    const request = encode([0, 1, 'getInfo', []])
    const reply = encode([1, 1, null, info])
    const server = fork(echoServer, [join(directory, 'echo'), request.length, reply.length])
    try {
      await once(server, 'message')
      const echo = await echoClient(join(directory, 'echo'), request.length, reply.length)
      const chunk = { streamId: 1, maxBytes: 65_536 }
      const calls = {
        [`bare echo of the same ${reply.length} bytes`]: [server.pid, echo.call],
        getInfo: [task.pid, () => task.info()],
        'readStream of nothing': [task.pid, () => task.stdout.read(chunk)],
        'in the caller: encode the request': [undefined, () => encode([0, 1, 'getInfo', []])],
        'in the caller: decode the reply': [undefined, () => decode(reply)],
        'in the supervisor, when something has changed: encode the reply': [
          undefined,
          () => encode([1, 1, null, info]),
        ],
      }
      const samples = new Map(Object.keys(calls).map((name) => [name, []]))
      for (let round = 0; round <= rounds; round += 1) {
        for (const [name, [pid, call]] of Object.entries(calls)) {
          const sample = await loop(pid, call)
          if (round > 0) samples.get(name).push(sample)
        }
      }
      echo.end()
      return [...samples].map(([name, found]) => [name, ...['wall', 'own', 'other'].map((key) => cell(found, key))])
    } finally {
      server.kill('SIGKILL')
      await dispose()
    }
  },
}

async function loop(pid, call) {
  const own = process.cpuUsage()
  const other = pid && cpuMsOf(pid)
  const start = performance.now()
  for (let index = 0; index < CALLS; index += 1) {
    const pending = call()
    if (pid !== undefined) await pending
  }
  const { user, system } = process.cpuUsage(own)
  return {
    wall: ((performance.now() - start) * 1_000) / CALLS,
    own: pid && (user + system) / CALLS,
    other: pid && ((cpuMsOf(pid) - other) * 1_000) / CALLS,
  }
}

const cell = (samples, key) =>
  samples[0][key] === undefined ? '' : median(samples.map((sample) => sample[key])).toFixed(1)
