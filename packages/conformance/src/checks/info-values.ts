import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { assertHas } from '../assert-has.js'
import { type Check, full } from '../check.js'
import { until } from '../waiting.js'

/** What each value of the info means, over several runs. */
export const infoValueChecks: readonly Check[] = [
  full('the info is that of the current run after a restart', 'W-51', async (bench) => {
    const go = bench.beside('go')
    const lockfile = bench.beside('lock')
    const restart = { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 } as const
    const client = await bench.task({ cmd: `[ -e ${go} ] && exec sleep 1000; exit 1`, restart, lockfile })
    const before = await until(async () => {
      const info = await client.info()
      return info.state === 'backoff' ? info : undefined
    }, 'state backoff')
    writeFileSync(go, '')
    await until(() => Date.now() > (before.exitedAt ?? 0), 'a later millisecond than that of the exit')
    await client.call('restart')
    const info = await client.info()
    const nil = { exitedAt: null, exitStatus: null, exitOffsets: null, nextStartAt: null, failure: null }
    assertHas(info, { state: 'running', run: 2, restarts: 1, lockfile, ...nil }, 'the info of run 2')
    assertHas(info.restart, restart, 'restart of the info')
    assert.ok(
      (info.startedAt ?? 0) > (before.exitedAt ?? 0),
      `startedAt ${info.startedAt} of run 2, not after the exit of run 1 at ${before.exitedAt}`,
    )
    assert.ok(Math.abs(info.createdAt - Date.now()) < 60_000, `createdAt ${info.createdAt} is not this minute`)
  }),

  full('failure has the reason for the state failed, and is nil in a later run', 'W-51', async (bench) => {
    const go = bench.beside('go')
    const restart = { on: 'failure', delayMs: 0, maxRestarts: 0 } as const
    const client = await bench.task({ cmd: `[ -e ${go} ] && exec sleep 1000; exit 1`, restart })
    const { state, failure } = await client.ended()
    assert.deepEqual([state, typeof failure], ['failed', 'string'], 'state and type of failure')
    writeFileSync(go, '')
    await client.call('restart')
    assertHas(await client.info(), { state: 'running', failure: null }, 'the info after a restart from failed')
  }),

  full('exitOffsets are the ends of the outputs at the exit', 'W-51', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 60000 /dev/zero; head -c 30000 /dev/zero >&2; exit 0' })
    const { exitOffsets } = await client.ended()
    assert.deepEqual(exitOffsets, { 1: 60_000, 2: 30_000 }, 'exitOffsets')
  }),

  full('acceptedOffset is the sum of written, discarded and queued bytes', 'W-57', async (bench) => {
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `until [ -e ${go} ]; do sleep 0.01; done; head -c 1000 > /dev/null` })
    const data = Buffer.alloc(200_000)
    await client.call('writeStream', { streamId: 0, data })
    const stdin = async () => (await client.info()).streams[0]
    const waiting = await stdin()
    assert.equal(waiting.acceptedOffset, data.length, 'acceptedOffset of a write that the child does not read')
    assert.ok(waiting.writtenOffset < data.length, `writtenOffset ${waiting.writtenOffset}: no pipe holds as much`)
    assert.equal(waiting.discarded, 0, 'discarded while the bytes are queued')
    writeFileSync(go, '')
    await client.ended()
    const { acceptedOffset, writtenOffset, discarded } = await stdin()
    assert.deepEqual(
      [acceptedOffset, writtenOffset + discarded],
      [data.length, data.length],
      'accepted, and written + discarded',
    )
  }),

  full('info has the reason why stdin was closed early', 'W-51', async (bench) => {
    const client = await bench.task({ cmd: 'exec 0<&-; echo closed; exec sleep 1000' })
    await client.text(/closed/)
    await until(
      () =>
        client.callAny('writeStream', { streamId: 0, data: Buffer.from('x') }).then(
          () => false,
          () => true,
        ),
      'STDIN_CLOSED',
    )
    const { closed, error } = (await client.info()).streams[0]
    assert.deepEqual([closed, typeof error], [true, 'string'], 'closed and type of error')
  }),
]
