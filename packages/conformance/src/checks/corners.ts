import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { encode } from '@bgtask/protocol/rpc'
import { type Check, core, full, should } from '../check.js'
import { howItEnded } from '../client.js'
import { failsToLaunch } from '../failing-launch.js'
import { encodeSpec, KILL, makeSpec, SLEEP } from '../spec.js'
import { until } from '../waiting.js'

/** Ignores SIGTERM, and says when it does. */
const DEAF = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'

const TERM_500 = [{ killSignal: 'SIGTERM', waitMs: 500 }]

/** Writes of 256 KiB that are sent at once: more than a supervisor queues. */
const WRITES = 40

/** Clients that write 15 MiB each, and how many of their writes of 256 KiB must be refused: 64 MiB may wait, and a queue holds the first ones. */
const WRITERS = 7
const WRITES_OF_WRITER = 60
const REFUSED_WRITES = 100

/** What the documents say of two things at once, of things in an odd state, and of what is sent oddly. */
export const cornerChecks: readonly Check[] = [
  core('bytes behind the spec fail the launch', 'L-19', async (bench) => {
    const bytes = Buffer.concat([encodeSpec(makeSpec(bench.path)), Buffer.of(0xc0)])
    await failsToLaunch(bench, bench.start().give(bytes), 'a spec with a byte behind it')
  }),

  full('a failed launch does not exit with 0', 'L-39', async (bench) => {
    const launch = bench.launch({ exec: ['no-such-program-anywhere'] })
    assert.notEqual((await launch.exit()).code, 0, 'exit code of a supervisor whose launch failed')
  }),

  should(
    full('a supervisor that has terminated exits with 0', 'L-39', async (bench) => {
      const launch = bench.launch()
      const client = await bench.connect(await launch.ready())
      await client.call('terminate')
      assert.equal((await launch.exit()).code, 0, 'exit code after terminate')
    }),
  ),

  full('requests of a connection are begun in order', 'W-14', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    const patches = [1, 2, 3].map((n) => encode([0, n, 'applyMeta', [{ patch: { n } }]]))
    raw.send(Buffer.concat(patches))
    for (const _ of patches) await raw.message()
    assert.deepEqual((await client.info()).meta, { n: 3 }, 'meta after patches 1, 2 and 3 in one piece')
  }),

  full('a second parameter and a float in place of an integer are errors', 'W-24', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    raw.send([0, 1, 'kill', [{ killSignal: 'SIGKILL' }, {}]])
    const [, , two] = await raw.message()
    assert.ok(two !== null, 'kill with two parameters was taken')
    // [0, 2, "readStream", [{"streamId": 1.0}]]
    raw.send(Buffer.from('940002aa7265616453747265616d9181a873747265616d4964cb3ff0000000000000', 'hex'))
    const [, , float] = await raw.message()
    assert.ok(float !== null, 'readStream with the float 1.0 for streamId was taken')
    assert.equal((await client.info()).state, 'running', 'state')
  }),

  full('a peer that sends a str that is not UTF-8 is disconnected', 'W-10', async (bench) => {
    const raw = bench.raw(await bench.task({ exec: SLEEP }))
    // [0, 1, "applyMeta", [{"patch": {"a": "\xff"}}]]
    raw.send(Buffer.from('940001a96170706c794d6574619181a5706174636881a161a1ff', 'hex'))
    await raw.closed()
  }),

  full('a restart during a stop has no effect, or waits for its end', 'W-85', async (bench) => {
    const client = await bench.task({ cmd: DEAF })
    await client.text(/ready/)
    const stop = client.call('stop', { steps: [...TERM_500, ...KILL] })
    const restart = client.call('restart')
    const { exitStatus, survivors } = await stop
    assert.deepEqual([exitStatus?.cause, survivors], ['stopped', []], 'cause and survivors of the stop')
    const { restarted } = await restart
    const { state, run } = await client.info()
    assert.deepEqual([state, run], restarted ? ['running', 2] : ['exited', 1], `state and run, restarted ${restarted}`)
  }),

  full('a stop during a stop executes its own steps', 'W-97', async (bench) => {
    const client = await bench.task({ cmd: DEAF })
    await client.text(/ready/)
    const started = performance.now()
    const patient = client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 12_000 }] })
    await client.info()
    const hasty = await client.call('stop', { steps: KILL })
    assert.deepEqual(hasty.survivors, [], 'survivors of the second stop')
    assert.deepEqual((await patient).survivors, [], 'survivors of the first stop')
    assert.ok(performance.now() - started < 8_000, 'the second stop waited for the steps of the first one')
  }),

  full('a stop in backoff cancels the restart', 'W-98', async (bench) => {
    const restart = { on: 'always', delayMs: 100_000, maxDelayMs: 100_000 } as const
    const client = await bench.task({ cmd: 'exit 7', restart })
    await until(async () => (await client.info()).state === 'backoff', 'state backoff')
    const { exitStatus } = await client.call('stop')
    assert.deepEqual(howItEnded(exitStatus), { exitCode: 7, signal: null, cause: 'exit' }, 'exitStatus of the stop')
    const { state, nextStartAt } = await client.info()
    assert.deepEqual([state, nextStartAt], ['exited', null], 'state and nextStartAt')
  }),

  full('a run that outlives a stop has the cause stopped, without a restart', 'W-99', async (bench) => {
    const client = await bench.task({ cmd: DEAF, restart: { on: 'always', delayMs: 0 } })
    await client.text(/ready/)
    await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 100 }] })
    await client.call('kill', { killSignal: 'SIGKILL' })
    const { run, state, exitStatus } = await client.ended()
    assert.deepEqual([run, state, exitStatus?.cause], [1, 'exited', 'stopped'], 'run, state and cause')
  }),

  full('writeStream accepts a str', 'W-143', async (bench) => {
    const client = await bench.task({ cmd: 'cat' })
    const { acceptedOffset } = (await client.callAny('writeStream', { streamId: 0, data: 'größe' })) as {
      acceptedOffset: number
    }
    assert.equal(acceptedOffset, 7, 'acceptedOffset')
    await client.call('closeStream', { streamId: 0 })
    assert.equal((await client.whole()).toString(), 'größe', 'what the child got')
  }),

  full(
    'writes that wait for room when stdin is closed are refused, and accepted ones arrive',
    'W-152',
    async (bench) => {
      const go = bench.beside('go')
      const client = await bench.task({ cmd: `until [ -e ${go} ]; do sleep 0.01; done; wc -c` })
      const data = Buffer.alloc(256 * 1024)
      const outcomes: string[] = []
      const writes = Array.from({ length: WRITES }, () =>
        client.callAny('writeStream', { streamId: 0, data }).then(
          () => outcomes.push('accepted'),
          ({ code, remoteCode }) => outcomes.push(remoteCode ?? code),
        ),
      )
      await client.info()
      await client.call('closeStream', { streamId: 0 })
      const { acceptedOffset, writtenOffset, discarded, closed } = (await client.info()).streams[0]
      assert.equal(closed, true, 'closed')
      assert.ok(acceptedOffset < WRITES * data.length, 'a queue of 10 MiB is not bounded')
      assert.ok(
        writtenOffset + discarded <= acceptedOffset,
        `${writtenOffset} written, ${discarded} discarded, ${acceptedOffset} accepted`,
      )
      await until(
        () => outcomes.length === WRITES,
        () => `the writes that waited for room are answered, though the child does not read; outcomes ${outcomes}`,
        10_000,
      )
      writeFileSync(go, '')
      await Promise.all(writes)
      assert.ok(!outcomes.includes('ERR_BGTASK_TIMEOUT'), `outcomes of the writes: ${outcomes}`)
      const accepted = outcomes.filter((outcome) => outcome === 'accepted').length
      assert.equal(accepted * data.length, acceptedOffset, 'bytes of the writes that succeeded')
      assert.equal(Number((await client.whole()).toString()), acceptedOffset, 'bytes that the child got')
    },
  ),

  full('the writes of all clients that wait for room are bounded together', 'W-144', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { supervisorPid } = await client.info()
    const data = Buffer.alloc(256 * 1024)
    let refused = 0
    for (let count = 0; count < WRITERS; count += 1) {
      const writer = await bench.connect(supervisorPid)
      for (let writes = 0; writes < WRITES_OF_WRITER; writes += 1) {
        writer.callAny('writeStream', { streamId: 0, data }).catch(({ code, remoteCode }) => {
          if ((remoteCode ?? code) === 'ERR_BGTASK_WOULD_BLOCK') refused += 1
        })
      }
    }
    await until(
      () => refused >= REFUSED_WRITES,
      `${REFUSED_WRITES} of ${WRITERS * WRITES_OF_WRITER} writes of 256 KiB would block`,
    )
    assert.equal((await client.info()).state, 'running', 'state')
  }),

  full('an output that was closed stays closed over a restart', 'W-151', async (bench) => {
    const client = await bench.task({ cmd: 'echo said' })
    await client.ended()
    await client.call('closeStream', { streamId: 1 })
    await client.call('restart')
    await client.ended()
    const { data } = await client.call('readStream', { streamId: 1, from: 0 })
    assert.equal(Buffer.from(data).toString(), 'said\n', 'what is kept')
    assert.equal((await client.info()).streams[1].endOffset, 10, 'endOffset')
  }),
]
