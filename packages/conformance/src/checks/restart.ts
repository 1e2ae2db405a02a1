import assert from 'node:assert/strict'
import { assertHas } from '../assert-has.js'
import { type Check, full } from '../check.js'
import { howItEnded } from '../client.js'
import { isAlive } from '../processes.js'
import { SLEEP } from '../spec.js'
import { until } from '../waiting.js'

export const restartChecks: readonly Check[] = [
  full('restart starts a new run if no child runs', 'W-80', async (bench) => {
    const client = await bench.task({ cmd: 'echo pid=$$; read line; exit 4' })
    assert.equal((await client.call('restart')).restarted, false)
    await client.call('stop')
    assertHas(await client.call('restart'), { restarted: true, run: 2 }, 'the result of restart')
    const { state, run, restarts, exitStatus, pid } = await client.info()
    assert.deepEqual({ state, run, restarts, exitStatus }, { state: 'running', run: 2, restarts: 1, exitStatus: null })
    assert.ok(pid !== null && isAlive(pid))
  }),

  full('a new run has its own pipes, and offsets continue', 'W-81', async (bench) => {
    const client = await bench.task({
      cmd: 'echo run; if [ "$STALE" ]; then :; fi; (trap "" TERM HUP; while sleep 0.02; do echo stale; done) & exit 0',
      restart: { on: 'never' },
    })
    await client.text(/run\nstale/)
    await client.ended()
    await client.call('restart')
    await client.ended()
    const { streams } = await client.info()
    const { data } = await client.call('readStream', { streamId: 1, from: streams[1].runOffset, maxBytes: 4 })
    assert.equal(Buffer.from(data).toString(), 'run\n', `the bytes at runOffset ${streams[1].runOffset}`)
    assert.ok(streams[1].runOffset > 4, `runOffset ${streams[1].runOffset} of run 2, which begins behind that of run 1`)
    const { data: all } = await client.call('readStream', { streamId: 1, from: 0 })
    assert.match(Buffer.from(all).toString(), /^run\n(stale\n)+(st?a?l?e?)?run\n/)
  }),

  full('the restart policy is followed', 'W-82', async (bench) => {
    const policy = { on: 'failure', delayMs: 20, factor: 2, maxDelayMs: 1_000, maxRestarts: 2 } as const
    const loop = await bench.task({ cmd: 'exit 1', restart: policy })
    const failed = await loop.ended()
    assert.deepEqual([failed.state, failed.run, failed.restarts], ['failed', 3, 2], 'a crash loop')
    assert.equal(typeof failed.failure, 'string')
    const fine = await bench.task({ cmd: 'exit 0', restart: policy })
    assert.deepEqual([(await fine.ended()).state, (await fine.info()).run], ['exited', 1], 'an exit of 0')
    const always = await bench.task({ cmd: 'exit 0', restart: { ...policy, on: 'always' } })
    assert.equal((await always.ended()).run, 3, 'runs with always')
    const slow = await bench.task({ cmd: 'exit 1', restart: { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 } })
    await until(async () => (await slow.info()).state === 'backoff', 'state backoff')
    const { nextStartAt, exitedAt } = await slow.info()
    assert.ok(Math.abs((nextStartAt ?? 0) - (exitedAt ?? 0) - 100_000) < 1_000, 'nextStartAt, 100 s after the end')
    assert.equal((await slow.call('restart')).restarted, true, 'a restart out of backoff')
  }),

  full('no restart follows a stop', 'W-83', async (bench) => {
    const client = await bench.task({ exec: SLEEP, restart: { on: 'always', delayMs: 0 } })
    await client.call('stop')
    assert.deepEqual([(await client.info()).state, (await client.info()).run], ['exited', 1])
    const { done } = await client.call('waitExit', { waitMs: 200 })
    assert.deepEqual([done, (await client.info()).run], [true, 1])
  }),

  full('a run that exceeds maxRuntimeMs is ended', 'W-84', async (bench) => {
    const client = await bench.task({ exec: SLEEP, maxRuntimeMs: 100 })
    assert.deepEqual(howItEnded((await client.ended()).exitStatus), {
      exitCode: null,
      signal: 'SIGKILL',
      cause: 'timeout',
    })
  }),
]
