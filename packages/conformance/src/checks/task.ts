import assert from 'node:assert/strict'
import { describeInvalid, taskInfoSchema, validate } from '@bgtask/protocol'
import { type Check, core, full, should } from '../check.js'
import type { Client } from '../client.js'
import { isAlive } from '../processes.js'
import { KILL, SLEEP } from '../spec.js'
import { until } from '../waiting.js'

const info: Check[] = [
  core('getInfo tells of the task', 'W-50', async (bench) => {
    const meta = { name: 'x', list: [1, 2.5, null, true], nested: { ü: '✓' } }
    const before = { taskId: 'abcdef0123456789', exec: [...SLEEP], meta, cwd: bench.path, behavior: 'daemon' } as const
    const supervisorPid = await bench.launch({ ...before, exec: [...SLEEP] }).ready()
    const info = await (await bench.connect(supervisorPid)).info()
    const { taskId, command, meta: got, cwd, behavior, state, run, exitStatus, protocol } = info
    assert.deepEqual(
      {
        taskId,
        exec: command,
        meta: got,
        cwd,
        behavior,
        state,
        run,
        exitStatus,
        protocol,
        supervisorPid: info.supervisorPid,
      },
      { ...before, state: 'running', run: 1, exitStatus: null, protocol: 1, supervisorPid },
    )
    assert.equal(typeof info.software, 'string')
    assert.ok(info.pid !== null && isAlive(info.pid))
    for (const id of [1, 2] as const) {
      const { firstOffset, endOffset, eof } = info.streams[id]
      assert.deepEqual({ firstOffset, endOffset, eof }, { firstOffset: 0, endOffset: 0, eof: false })
    }
  }),

  full('getInfo tells everything in the table', 'W-51', async (bench) => {
    const started = Date.now()
    const client = await bench.task({ cmd: 'read line', stdin: 'pipe' })
    for (const state of ['running', 'exited']) {
      const info = await client.info()
      const { invalid } = validate(taskInfoSchema, info)
      assert.equal(invalid, undefined, invalid && `the info in state ${state}: ${describeInvalid(invalid)}`)
      assert.equal(info.state, state)
      assert.ok(info.createdAt >= started - 1_000 && (info.startedAt ?? 0) >= info.createdAt, 'createdAt, startedAt')
      assert.equal(info.exitedAt === null, state === 'running', 'exitedAt')
      assert.ok(info.clientCount >= 1)
      await client.call('closeStream', { streamId: 0 })
      await client.ended()
    }
  }),

  core('how the child ended is told', 'W-52', async (bench) => {
    for (const [cmd, exitCode, signal, cause] of [
      ['exit 0', 0, null, 'exit'],
      ['exit 7', 7, null, 'exit'],
      ['kill -USR1 $$', null, 'SIGUSR1', 'signal'],
    ] as const) {
      const { state, pid, exitStatus } = await (await bench.task({ cmd })).ended()
      const { exitCode: code, signal: by, cause: why } = exitStatus ?? {}
      assert.deepEqual(
        { state, pid, code, by, why },
        { state: 'exited', pid: null, code: exitCode, by: signal, why: cause },
        cmd,
      )
    }
  }),

  core('what the child wrote is there when its exit is told, whoever still holds its pipe', 'W-53', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 60000 /dev/zero; sleep 1000 & exit 0' })
    const { streams } = await client.ended()
    assert.deepEqual([streams[1].endOffset, streams[1].eof], [60_000, false], 'endOffset and eof of stdout')
  }),

  full('a child that was stopped is paused, whoever did it', 'W-55', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { pid } = await client.info()
    const states: [() => unknown, string][] = [
      [() => client.call('kill', { killSignal: 'SIGSTOP' }), 'paused'],
      [() => client.call('kill', { killSignal: 'SIGCONT' }), 'running'],
      [() => process.kill(pid ?? 0, 'SIGSTOP'), 'paused'],
      [() => process.kill(pid ?? 0, 'SIGCONT'), 'running'],
    ]
    for (const [act, state] of states) {
      await act()
      await until(async () => (await client.info()).state === state, `state ${state}`)
    }
  }),

  full('a supervisor that is about to go says so', 'W-56', async (bench) => {
    const client = await bench.task({ cmd: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' })
    await client.text(/ready/)
    const steps = [
      { killSignal: 'SIGTERM', waitMs: 300 },
      { killSignal: 'SIGKILL', waitMs: 5_000 },
    ]
    const [, { state }] = await Promise.all([client.call('terminate', { steps }), client.info()])
    assert.equal(state, 'terminating')
  }),
]

const meta: Check[] = [
  full('applyMeta merges as RFC 7396 says', 'W-60', async (bench) => {
    const client = await bench.task({ exec: SLEEP, meta: { a: 1, deep: { b: 2, c: 3 }, list: [1, 2] } })
    const patch = { a: null, deep: { b: null, d: { e: null, f: 4 } }, list: [3], gone: null, new: 'x' }
    const merged = { deep: { c: 3, d: { f: 4 } }, list: [3], new: 'x' }
    assert.deepEqual(await client.call('applyMeta', { patch }), merged)
    assert.deepEqual((await client.info()).meta, merged)
  }),

  full('a patch that makes meta too large changes nothing', 'W-61', async (bench) => {
    const client = await bench.task({ exec: SLEEP, meta: { kept: 'x'.repeat(40_000) } })
    await client.failure('applyMeta', { patch: { more: 'x'.repeat(40_000) } })
    assert.deepEqual(Object.keys((await client.info()).meta), ['kept'])
  }),
]

/** Prints its name when it gets USR1; its child does the same. */
const FAMILY = `
  sh -c 'trap "echo grandchild" USR1; echo up; while :; do sleep 0.05; done' &
  trap 'echo child' USR1; echo up; while :; do sleep 0.05; done`

const signals: Check[] = [
  core('kill signals the child alone, and says whether there was one', 'W-70', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, true)
    assert.doesNotMatch(await client.text(/child\n/), /grandchild/)
    await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, false)
  }),

  full('kill signals the whole tree if it is told to', 'W-71', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1', tree: true })).delivered, true)
    await client.text(/^child\n/m)
    await client.text(/^grandchild\n/m)
  }),
]

const TERM_THEN_KILL = [
  { killSignal: 'SIGTERM', waitMs: 200 },
  { killSignal: 'SIGKILL', waitMs: 5_000 },
]

const stop: Check[] = [
  core(
    'stop goes from step to step, with the group of the child, and wakes who is stopped',
    'W-90 W-92',
    async (bench) => {
      const deaf = await bench.task({
        cmd: 'trap "" TERM; sh -c "echo pid=\\$\\$; while :; do sleep 0.1; done" & wait; sleep 1000',
      })
      const grandchild = await deaf.number('pid')
      const forced = await deaf.call('stop', { steps: TERM_THEN_KILL })
      assert.deepEqual(pick(forced.exitStatus), { exitCode: null, signal: 'SIGKILL', cause: 'stopped' })
      assert.deepEqual(forced.survivors, [])
      assert.ok(!isAlive(grandchild), 'a process of its group is left')
      assert.equal((await deaf.info()).state, 'exited')

      const asleep = await bench.task({ exec: SLEEP })
      await asleep.call('kill', { killSignal: 'SIGSTOP' })
      const { exitStatus } = await asleep.call('stop', {
        steps: [
          { killSignal: 'SIGTERM', waitMs: 5_000 },
          { killSignal: 'SIGKILL', waitMs: 1_000 },
        ],
      })
      assert.equal(exitStatus?.signal, 'SIGTERM', 'what ended a child that had been stopped')
    },
  ),

  core("stop takes the spec's steps where it is given none", 'W-90', async (bench) => {
    const client = await bench.task({ exec: SLEEP, stop: [{ killSignal: 'SIGUSR2', waitMs: 5_000 }] })
    const { exitStatus } = await client.call('stop')
    assert.equal(exitStatus?.signal, 'SIGUSR2')
  }),

  core('after stop the supervisor stays, with the exit status and the output', 'W-94 W-95', async (bench) => {
    const client = await bench.task({ cmd: 'echo said; exit 3' })
    await client.ended()
    for (const round of [1, 2]) {
      const { exitStatus, survivors } = await client.call('stop')
      assert.deepEqual(
        [pick(exitStatus), survivors],
        [{ exitCode: 3, signal: null, cause: 'exit' }, []],
        `round ${round}`,
      )
    }
    assert.equal((await client.whole()).toString(), 'said\n')
  }),

  full('stop ends the whole tree: by session, cookie, parent and pipe', 'W-91', async (bench) => {
    const stay = 'while :; do sleep 0.1; done'
    const client = await bench.task({
      cmd: `
        setsid sh -c 'echo session=$$; ${stay}' &
        setsid sh -c '(echo cookie=$(exec sh -c "echo \\$PPID"); exec < /dev/null; ${stay}) 2> /dev/null & exit 0' &
        env -i /bin/sh -c 'echo parent=$$; ${stay}' < /dev/null 2> /dev/null &
        env -i /usr/bin/setsid /bin/sh -c '/bin/sh -c "echo pipe=\\$\\$; ${stay}" & exit 0' &
        wait`,
    })
    const pids = await Promise.all(
      ['session', 'cookie', 'parent', 'pipe'].map(async (name) => [name, await client.number(name)] as const),
    )
    for (const [, pid] of pids) bench.after(() => killQuietly(pid))
    const { survivors } = await client.call('stop', { steps: TERM_THEN_KILL })
    assert.deepEqual(survivors, [])
    for (const [name, pid] of pids) assert.ok(!isAlive(pid), `a process that is of the tree by ${name} is left`)
  }),

  full('who survives a stop is named', 'W-93', async (bench) => {
    const client = await bench.task({ cmd: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' })
    await client.text(/ready/)
    const { pid } = await client.info()
    const { survivors } = await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 100 }] })
    assert.ok(
      survivors.some((survivor) => survivor.pid === pid),
      `pid ${pid} among ${JSON.stringify(survivors)}`,
    )
    await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  }),
]

const terminate: Check[] = [
  core('terminate ends the tree, takes the files away, answers, and goes', 'W-100', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const other = await bench.connect((await client.info()).supervisorPid)
    const { supervisorPid, pid } = await client.info()
    const { exitStatus, survivors } = await client.call('terminate')
    assert.deepEqual([pick(exitStatus), survivors], [{ exitCode: null, signal: 'SIGKILL', cause: 'stopped' }, []])
    assert.ok(!isAlive(pid ?? 0), 'the child is left')
    assert.deepEqual(bench.files(), [])
    await client.closedBySupervisor()
    await other.closedBySupervisor()
    await until(() => !isAlive(supervisorPid), 'the supervisor is gone')
  }),

  should(
    full('who follows an output gets its end before the supervisor goes', 'W-101', async (bench) => {
      const client = await bench.task({
        cmd: 'trap "trap \'\' TERM; head -c 100000 /dev/zero; exit 0" TERM; echo; while :; do sleep 0.05; done',
      })
      await client.text(/\n/)
      const follower = await bench.connect((await client.info()).supervisorPid)
      const whole = follower.whole()
      await client.call('terminate', { steps: [{ killSignal: 'SIGTERM', waitMs: 5_000 }] })
      assert.equal((await whole).length, 100_001)
    }),
  ),

  core('terminate works in every state, and for several callers at once', 'W-102', async (bench) => {
    const over = await bench.task({ cmd: 'exit 5' })
    await over.ended()
    assert.equal((await over.call('terminate')).exitStatus?.exitCode, 5)
    const stopped = await bench.task({ exec: SLEEP })
    await stopped.call('stop')
    await stopped.call('terminate')
    // It takes its time to end, so that all of them call meanwhile.
    const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    const paused = await bench.task({ cmd: deaf, stop: [{ killSignal: 'SIGTERM', waitMs: 1_000 }, ...KILL] })
    await paused.text(/ready/)
    await paused.call('kill', { killSignal: 'SIGSTOP' })
    const second = await bench.connect((await paused.info()).supervisorPid)
    const results = await Promise.all([paused, paused, second].map((client) => client.call('terminate')))
    for (const { exitStatus } of results) assert.equal(exitStatus?.cause, 'stopped')
    await bench.nothingLeft('terminate')
  }),
]

const restart: Check[] = [
  full('restart starts a new run, and only where none runs', 'W-80', async (bench) => {
    const client = await bench.task({ cmd: 'echo pid=$$; read line; exit 4' })
    assert.equal((await client.call('restart')).restarted, false)
    await client.call('stop')
    assert.deepEqual(await client.call('restart'), { restarted: true, run: 2 })
    const { state, run, restarts, exitStatus, pid } = await client.info()
    assert.deepEqual({ state, run, restarts, exitStatus }, { state: 'running', run: 2, restarts: 1, exitStatus: null })
    assert.ok(pid !== null && isAlive(pid))
  }),

  full('a new run has pipes of its own, and offsets go on', 'W-81', async (bench) => {
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
    assert.ok(streams[1].runOffset > 4)
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

  full('a run that takes too long is ended', 'W-84', async (bench) => {
    const client = await bench.task({ exec: SLEEP, maxRuntimeMs: 100 })
    assert.deepEqual(pick((await client.ended()).exitStatus), { exitCode: null, signal: 'SIGKILL', cause: 'timeout' })
  }),
]

const waiting: Check[] = [
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
      [(await first).done, pick((await first).exitStatus)],
      [true, { exitCode: 2, signal: null, cause: 'exit' }],
    )
    assert.equal((await client.call('waitExit', { run: 1 })).done, true, 'done, asked later')
    assert.equal((await client.call('waitExit', {})).done, false, 'done, while a restart is pending')
    assert.equal((await client.call('waitExit', { run: 2 })).done, false, 'done, of a run to come')
    await client.call('stop')
    assert.deepEqual([(await client.call('waitExit', {})).done, (await client.info()).state], [true, 'exited'])
  }),
]

const events: Check[] = [
  full('events tell what happens, once, to every subscriber', 'W-170 W-180', async (bench) => {
    const client = await bench.task({ cmd: 'read line; echo said; exit 6', restart: { on: 'never' } })
    const silent = await bench.connect((await client.info()).supervisorPid)
    for (const time of [1, 2]) {
      const { state, run } = await client.call('subscribe')
      assert.deepEqual({ state, run }, { state: 'running', run: 1 }, `subscription ${time}`)
    }
    await client.call('applyMeta', { patch: { x: 1 } })
    await client.call('kill', { killSignal: 'SIGSTOP' })
    await client.call('kill', { killSignal: 'SIGCONT' })
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
    assert.deepEqual(await client.event('childStart'), { run: 2, pid })
    await client.call('terminate')
    const count = (name: string) => client.heard.filter(([heard]) => heard === name).length
    assert.deepEqual(
      client.heard.filter(([name]) => name === 'metaChange'),
      [['metaChange', { meta: { x: 1 } }]],
    )
    assert.deepEqual([count('childStart'), count('terminating')], [1, 1])
    const states = client.heard.flatMap(([name, payload]) =>
      name === 'stateChange' ? [(payload as { state: string }).state] : [],
    )
    assert.deepEqual(states.slice(0, 3), ['paused', 'running', 'exited'])
    assert.ok(states.includes('terminating'))
    assert.deepEqual(silent.heard, [], 'what a client heard that did not subscribe')
  }),

  full('a subscriber that does not read learns how many events it missed', 'W-171', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    raw.send([0, 0, 'subscribe', []])
    assert.deepEqual((await raw.message()).slice(0, 3), [1, 0, null])
    raw.socket.pause()
    const text = 'x'.repeat(60_000)
    for (let n = 0; n < 60; n += 1) await client.call('applyMeta', { patch: { n, text } })
    raw.socket.resume()
    const got: number[] = []
    const next = async () => {
      const [, name, [payload]] = (await raw.message()) as [number, string, [{ count?: number; meta?: { n: number } }]]
      if (name !== 'metaChange') return { name, count: payload.count }
      got.push(payload.meta?.n ?? -1)
      return undefined
    }
    let other = await next()
    // Nothing happens any more, and still it is told.
    while (other === undefined) other = await next()
    assert.deepEqual(other, { name: 'missed', count: 60 - got.length }, `after ${got.length} of 60 events`)
    await client.call('applyMeta', { patch: { n: 60, text } })
    await next()
    assert.deepEqual(got, [...got.slice(0, -1).keys(), 60], 'numbers that were told')
  }),
]

function pick(status: Awaited<ReturnType<Client['info']>>['exitStatus']): unknown {
  return status && { exitCode: status.exitCode, signal: status.signal, cause: status.cause }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // As it should be.
  }
}

export const taskChecks: readonly Check[] = [
  ...info,
  ...meta,
  ...signals,
  ...stop,
  ...terminate,
  ...restart,
  ...waiting,
  ...events,
]
