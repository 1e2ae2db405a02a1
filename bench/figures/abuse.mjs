import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { encode } from '@bgtask/protocol/rpc'
import { temporaryPool } from '../lib/environment.mjs'

const prober = new URL('../lib/prober.mjs', import.meta.url)
const halfMessage = new URL('../lib/half-message.mjs', import.meta.url)

const request = (id, method, ...params) => encode([0, id, method, params])

/** Sends bytes on a fresh connection and waits for its end. */
const sending = (bytes) => async (path) => {
  const socket = connect(path).on('error', () => {})
  socket.end(bytes)
  await closed(socket)
}

/** Unlike `once`, whatever error comes first: the supervisor hangs up on who abuses it. */
const closed = (socket) => new Promise((resolve) => socket.resume().once('close', resolve))

const POLLUTION = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}')

/** A child that ends all the time, so that there is always something to record. */
const CRASH_LOOP = { cmd: 'exit 1', restart: { on: 'always', delayMs: 10, factor: 1, maxRestarts: null } }

/**
 * What a client does again and again to the socket at `path`, or what the child does all the time. `fresh: false` where
 * no more client can connect; those that are connected stay.
 */
const ABUSES = {
  nothing: { act: () => {} },
  'never reads': { task: { cmd: 'head -c 1000000 /dev/zero; exec cat' }, act: neverRead },
  'says nothing': { act: (path, open) => open(path, 1) },
  '500 connections': { act: manyAtOnce },
  'killed in a message': { act: killedInMessage },
  garbage: { act: sending(Buffer.from('GET / HTTP/1.1\r\n\r\n')) },
  depth: { act: sending(Buffer.alloc(500_000, 0x91)) },
  'huge headers': { act: sending(Buffer.from([0x94, 0x00, 0x01, 0xc6, 0xff, 0xff, 0xff, 0xff])) },
  'keys __proto__': { act: sending(request(1, 'applyMeta', { patch: POLLUTION })) },
  'the child floods': { task: { cmd: 'exec yes' }, act: () => {} },
  'no descriptors': {
    before: ['prlimit', '--nofile=100'],
    act: (path, open) => open(path, 1),
  },
  'directory deleted': {
    task: CRASH_LOOP,
    fresh: false,
    act: (path) => removeWhole(dirname(path)),
  },
}

/** Again where the supervisor has written a record after the files had gone: `maxRetries` would not look for it. */
function removeWhole(directory, tries = 20) {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' || tries === 0) throw error
    removeWhole(directory, tries - 1)
  }
}

export const abuseLatency = {
  id: 'abuse-latency',
  title: "other clients' slowest answer while one abuses the supervisor, or its child floods",
  unit: 'ms',
  atMost: 250,
  run: async ({ supervisor, quick, onPair = () => {} }) => {
    const slowest = []
    for (const [name, abuse] of Object.entries(ABUSES)) {
      slowest.push([name, await slowestDuring(supervisor, abuse, quick ? 1_000 : 5_000)])
      onPair(slowest.length, Object.keys(ABUSES).length)
    }
    return {
      value: Math.max(...slowest.map(([, ms]) => ms)),
      detail: slowest.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', '),
    }
  },
}

async function slowestDuring(supervisor, { task = { cmd: 'exec cat' }, before, fresh = true, act }, durationMs) {
  const { pool, dispose } = temporaryPool({ supervisor })
  if (before !== undefined) pool.supervisorCmd = [...before, ...pool.supervisorCmd]
  const sockets = []
  let other
  let spawned
  const open = async (path, count) => {
    const opened = Array.from({ length: count }, () => connect(path).on('error', () => {}))
    sockets.push(...opened)
    await Promise.all(opened.map((socket) => once(socket, 'connect')))
    return opened
  }
  try {
    spawned = await pool.spawn({ maxReadBufSize: 2_000_000, ...task })
    const path = pool.socketPath(spawned.pid)
    // A process of its own: what the abuse costs here must not count.
    other = fork(prober, [path, String(fresh)])
    await once(other, 'message')
    const end = performance.now() + durationMs
    while (performance.now() < end) {
      await act(path, open)
      // So that those who say nothing stay below the limit of connections, which is another matter.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    other.send('stop')
    const [{ slowest, answers }] = await once(other, 'message')
    if (answers < 10) throw new Error(`only ${answers} answers`)
    return slowest
  } finally {
    other?.kill('SIGKILL')
    for (const socket of sockets) socket.destroy()
    await spawned?.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
    await dispose()
  }
}

/** 5,000 answers that are asked for and not read would be 2.5 GB. */
async function neverRead(path, open) {
  const [socket] = await open(path, 1)
  socket.pause()
  const read = { streamId: 1, from: 0, maxBytes: 500_000 }
  socket.write(Buffer.concat(Array.from({ length: 5_000 }, (_, id) => request(id, 'readStream', read))))
}

async function manyAtOnce(path, open) {
  const opened = await open(path, 500)
  await Promise.all(
    opened.map((socket) => {
      socket.end(request(7, 'getInfo'))
      return closed(socket)
    }),
  )
}

async function killedInMessage(path) {
  const client = fork(halfMessage, [path])
  await once(client, 'message')
  client.kill('SIGKILL')
  await once(client, 'exit')
}
