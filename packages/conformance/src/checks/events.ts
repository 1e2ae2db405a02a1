import assert from 'node:assert/strict'
import { assertHas } from '../assert-has.js'
import { type Check, full } from '../check.js'
import { howItEnded } from '../client.js'
import { SLEEP } from '../spec.js'

/** Of 60 KB each. */
const EVENTS = 320

/** Requests in flight. */
const AT_A_TIME = 16

export const eventChecks: readonly Check[] = [
  full('waitExit is done when a run has ended, now or before', 'W-160 W-161', async (bench) => {
    const client = await bench.task({
      cmd: 'read line; exit 2',
      restart: { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 },
    })
    const { done, exitStatus, run } = await client.call('waitExit', { waitMs: 100 })
    assert.deepEqual({ done, exitStatus, run }, { done: false, exitStatus: null, run: 1 })
    const first = client.call('waitExit', { run: 1, waitMs: 5_000 })
    await client.call('closeStream', { streamId: 0 })
    assert.deepEqual(
      [(await first).done, howItEnded((await first).exitStatus)],
      [true, { exitCode: 2, signal: null, cause: 'exit' }],
    )
    assert.equal((await client.call('waitExit', { run: 1 })).done, true, 'done, asked later')
    assert.equal((await client.call('waitExit', {})).done, false, 'done, while a restart is pending')
    assert.equal((await client.call('waitExit', { run: 2 })).done, false, 'done, of a run to come')
    await client.call('stop')
    assert.deepEqual([(await client.call('waitExit', {})).done, (await client.info()).state], [true, 'exited'])
  }),

  full('each event is sent once, to each subscriber', 'W-170 W-180', async (bench) => {
    const client = await bench.task({ cmd: 'read line; echo said; exit 6', meta: { kept: true } })
    const silent = await bench.connect((await client.info()).supervisorPid)
    for (const time of [1, 2]) {
      const { state, run } = await client.call('subscribe')
      assert.deepEqual({ state, run }, { state: 'running', run: 1 }, `subscription ${time}`)
    }
    await client.call('applyMeta', { patch: { x: 1 } })
    await client.call('kill', { killSignal: 'SIGSTOP' })
    await client.event('stateChange', ({ state }) => state === 'paused')
    await client.call('kill', { killSignal: 'SIGCONT' })
    await client.event('stateChange', ({ state, run }) => state === 'running' && run === 1)
    await client.call('closeStream', { streamId: 0 })
    const exit = await client.event('childExit')
    const { run, willRestart, recorded, exitOffsets } = exit
    assert.deepEqual(
      { run, willRestart, recorded, exitOffsets },
      { run: 1, willRestart: false, recorded: true, exitOffsets: { 1: 5, 2: 0 } },
    )
    assert.equal(exit.exitStatus.exitCode, 6)
    await client.event('streamEof', ({ streamId, endOffset }) => streamId === 1 && endOffset === 5)
    await client.event('streamEof', ({ streamId }) => streamId === 2)
    await client.call('restart')
    const { pid } = await client.info()
    assertHas(await client.event('childStart'), { run: 2, pid }, 'childStart')
    await client.call('terminate')
    const count = (name: string) => client.heard.filter(([heard]) => heard === name).length
    assertHas(await client.event('metaChange'), { meta: { kept: true, x: 1 } }, 'metaChange')
    for (const name of ['metaChange', 'childStart', 'terminating']) assert.equal(count(name), 1, `events ${name}`)
    const states = client.heard.flatMap(([name, payload]) =>
      name === 'stateChange' ? [(payload as { state: string }).state] : [],
    )
    assert.deepEqual(states.slice(0, 3), ['paused', 'running', 'exited'])
    const startings = client.heard.flatMap(([name, payload]) => {
      const { state, run } = payload as { state?: string; run?: number }
      return name === 'stateChange' && state === 'starting' ? [run] : []
    })
    assert.deepEqual(startings, [2], 'run of stateChange to starting')
    assert.ok(states.includes('terminating'))
    assert.deepEqual(silent.heard, [], 'what a client heard that did not subscribe')
  }),

  full('a signal to the supervisor is reported by the event terminating', 'W-180', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    await client.call('subscribe')
    process.kill((await client.info()).supervisorPid, 'SIGTERM')
    await client.event('terminating')
    await client.event('stateChange', ({ state }) => state === 'terminating')
  }),

  full('a slow subscriber gets the number of missed events', 'W-171', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    raw.send([0, 0, 'subscribe', []])
    assert.deepEqual((await raw.message()).slice(0, 3), [1, 0, null])
    raw.socket.pause()
    const text = 'x'.repeat(60_000)
    // More than the 16 MiB that a supervisor may hold for a peer.
    for (let n = 0; n < EVENTS; n += AT_A_TIME) {
      const numbers = Array.from({ length: AT_A_TIME }, (_, index) => n + index)
      await Promise.all(numbers.map((number) => client.call('applyMeta', { patch: { n: number, text } })))
    }
    raw.socket.resume()
    const got: number[] = []
    const next = async () => {
      const [, name, [payload]] = (await raw.message()) as [number, string, [{ count?: number; meta?: { n: number } }]]
      if (name !== 'metaChange') return { name, count: payload.count }
      got.push(payload.meta?.n ?? -1)
      return undefined
    }
    let other = await next()
    // Reported although no further event follows.
    while (other === undefined) other = await next()
    assert.deepEqual(other, { name: 'missed', count: EVENTS - got.length }, `after ${got.length} of ${EVENTS} events`)
    await client.call('applyMeta', { patch: { n: EVENTS, text } })
    await next()
    assert.deepEqual(got, [...got.slice(0, -1).keys(), EVENTS], 'numbers of the events that came')
  }),
]
