import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Check, full } from '../check.js'
import { type Client, howItEnded } from '../client.js'
import { KILL, sh } from '../spec.js'
import { until } from '../waiting.js'

/** How far nextStartAt may be from what the policy says: the supervisor computes it, nothing waits in between. */
const CLOCK_SLACK_MS = 60

export const policyChecks: readonly Check[] = [
  full('the pause before a restart grows by factor, up to maxDelayMs', 'W-82', async (bench) => {
    const restart = { on: 'failure', delayMs: 500, factor: 5, maxDelayMs: 1_000, maxRestarts: 10 } as const
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `until [ -e ${go} ]; do sleep 0.01; done; exit 1`, restart })
    await client.call('subscribe')
    writeFileSync(go, '')
    for (const [run, expected] of [
      [1, 500],
      [2, 1_000],
    ] as const) {
      await client.event('stateChange', (change) => change.state === 'backoff' && change.run === run)
      const { nextStartAt, exitedAt } = await client.info()
      const pauseMs = (nextStartAt ?? 0) - (exitedAt ?? 0)
      assert.ok(
        Math.abs(pauseMs - expected) <= CLOCK_SLACK_MS,
        `the pause after run ${run} is ${pauseMs} ms, ${expected} expected`,
      )
    }
  }),

  full('a run of resetAfterMs resets the count of restarts', 'W-82', async (bench) => {
    const restart = { on: 'failure', delayMs: 0, maxDelayMs: 0, maxRestarts: 1, resetAfterMs: 50 } as const
    const client = await bench.task({ cmd: 'sleep 0.1; exit 1', restart })
    await until(async () => {
      const { run, state } = await client.info()
      assert.notEqual(state, 'failed', `state after run ${run}, though each run lasts longer than resetAfterMs`)
      return run >= 4
    }, 'run 4')
  }),

  full('with failure, a signal and a timeout are followed by a restart', 'W-82 W-84', async (bench) => {
    const restart = { on: 'failure', delayMs: 0, maxDelayMs: 0, maxRestarts: 1 } as const
    const killed = await bench.task({ cmd: 'kill -KILL $$', restart })
    assert.equal((await killed.ended()).run, 2, 'runs of a child that a signal ends')
    const slow = await bench.task({
      cmd: 'trap "exit 0" TERM; while :; do sleep 0.02; done',
      maxRuntimeMs: 100,
      stop: [{ killSignal: 'SIGTERM', waitMs: 10_000 }, ...KILL],
      restart,
    })
    const { run, exitStatus } = await slow.ended()
    assert.equal(run, 2, 'runs of a child that maxRuntimeMs ends, though it exits with 0')
    assert.equal(howItEnded(exitStatus)?.cause, 'timeout', 'cause')
  }),

  full('a restart that fails is an error, and leaves the task failed', 'W-80 W-86', async (bench) => {
    const program = bench.beside('program')
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    const client = await bench.task({ exec: [program] })
    await client.ended()
    rmSync(program)
    await client.failure('restart')
    const { state, run, failure, pid } = await client.info()
    assert.deepEqual(
      { state, run, pid },
      { state: 'failed', run: 1, pid: null },
      'after a restart of a program that is gone',
    )
    assert.equal(typeof failure, 'string', 'type of failure')
  }),

  full('output of a process of an earlier run is not mixed into a new run', 'W-81', async (bench) => {
    const written = bench.beside('written')
    const client = await bench.task({
      exec: sh(`
        if [ -e ${written} ]; then echo second; read line; exit; fi
        (trap "" TERM HUP; while sleep 0.02; do echo stale; echo >> ${written}; done) &
        until [ -e ${written} ]; do sleep 0.01; done`),
    })
    await client.ended()
    await client.call('restart')
    const { streams } = await client.info()
    await client.text(/second/)
    const lines = () => readFileSync(written).length
    const before = lines()
    await until(() => lines() > before + 5, 'the process of the first run writes on')
    const { data } = await client.call('readStream', { streamId: 1, from: streams[1].runOffset })
    assert.equal(Buffer.from(data).toString(), 'second\n', 'the output of run 2')
  }),

  full('the child of a later run inherits no descriptor either', 'L-26', async (bench) => {
    const client = await bench.task({ exec: sh('ls /proc/self/fd | wc -l; read line') })
    await client.text(/\d\n/)
    await client.call('stop')
    await client.call('restart')
    // ls has the directory open as well.
    await client.text(/\d\n\d\n/)
    assert.equal((await client.text(/\d\n\d\n/)).trim(), '4\n4', 'descriptors of ls in both runs')
  }),

  full('eof is not reported while a restart is pending', 'W-114', async (bench) => {
    const restart = { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 } as const
    const client = await bench.task({ cmd: 'echo said; exit 1', restart })
    await until(async () => (await client.info()).state === 'backoff', 'state backoff')
    assert.equal((await readFrom(client, 5, 100)).eof, false, 'eof of readStream in state backoff')
    assert.equal((await client.info()).streams[1].eof, false, 'eof of the info in state backoff')
    await client.call('stop')
    assert.equal((await readFrom(client, 5, 5_000)).eof, true, 'eof after a stop in state backoff')
  }),

  full('eof is false again after a restart', 'W-114', async (bench) => {
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `echo said; [ -e ${go} ] && exec sleep 1000; exit 0` })
    await client.whole()
    writeFileSync(go, '')
    await client.call('restart')
    await client.text(/said\nsaid/)
    assert.equal((await readFrom(client, 10, 0)).eof, false, 'eof of readStream in run 2')
    const { streams } = await client.info()
    assert.deepEqual([streams[1].eof, streams[2].eof], [false, false], 'eof of the info in run 2')
  }),

  full('a reader that discards nothing sees the end of a full block buffer', 'W-114', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 1000 /dev/zero', maxReadBufSize: 1_000, overflow: 'block' })
    await client.ended()
    const { data, eof } = await until(
      async () => {
        const result = await readFrom(client, 0, 1_000)
        return result.eof ? result : undefined
      },
      'eof of an output that fills its buffer exactly',
      5_000,
    )
    assert.deepEqual([data.length, eof], [1_000, true], 'bytes and eof')
  }),

  full('with overflow block a restart loses no byte of the run before', 'W-116 W-81', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 5000 /dev/zero', maxReadBufSize: 1_000, overflow: 'block' })
    await client.ended()
    await client.call('restart')
    await client.ended()
    let from = 0
    for (let isOver = false; !isOver; ) {
      const { offset, data, eof } = await client.call('readStream', { streamId: 1, from, discard: true, waitMs: 5_000 })
      assert.equal(offset, from, 'offset of the next bytes')
      from += data.length
      isOver = eof
    }
    assert.equal(from, 10_000, 'bytes of both runs')
  }),

  full('a task without maxRestarts is restarted without a limit', 'W-82 L-14', async (bench) => {
    const restart = { on: 'failure', delayMs: 0, maxDelayMs: 0, maxRestarts: null } as const
    const client = await bench.task({ exec: ['/bin/false'], restart })
    await until(async () => {
      const { run, state } = await client.info()
      assert.notEqual(state, 'failed', `state after run ${run}, with maxRestarts nil`)
      return run > 12
    }, 'run 13')
  }),

  full('waitExit answers when the run ends, with the status of the last run', 'W-160 W-161', async (bench) => {
    const file = bench.beside('second')
    const client = await bench.task({ cmd: `read line; if [ -e ${file} ]; then exit 3; fi; touch ${file}; exit 2` })
    const started = performance.now()
    const first = client.call('waitExit', { waitMs: 14_000 })
    await client.call('closeStream', { streamId: 0 })
    assert.deepEqual(
      howItEnded((await first).exitStatus),
      { exitCode: 2, signal: null, cause: 'exit' },
      'status of run 1',
    )
    assert.ok(performance.now() - started < 10_000, 'waitExit answered only when its time was over')
    assert.ok(existsSync(file))
    await client.call('restart')
    const { done, run, exitStatus } = await client.call('waitExit', { run: 1 })
    assert.deepEqual(
      { done, run, status: howItEnded(exitStatus) },
      {
        done: true,
        run: 1,
        status: { exitCode: 2, signal: null, cause: 'exit' },
      },
      'waitExit of run 1 while run 2 goes on',
    )
    assert.equal((await client.call('waitExit', { run: 2 })).done, false, 'waitExit of run 2 while it goes on')
    await client.call('closeStream', { streamId: 0 })
    await client.ended()
    for (const params of [{}, { run: 1 }, { run: 2 }]) {
      const result = await client.call('waitExit', params)
      assert.deepEqual(
        [result.done, result.run, result.exitStatus?.exitCode],
        [true, 2, 3],
        `waitExit ${JSON.stringify(params)} after run 2`,
      )
    }
    assert.equal((await client.call('waitExit', { run: 3 })).done, false, 'waitExit of run 3 after run 2')
  }),
]

function readFrom(client: Client, from: number, waitMs: number) {
  return client.call('readStream', { streamId: 1, from, waitMs })
}
