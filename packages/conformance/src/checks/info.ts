import assert from 'node:assert/strict'
import { describeInvalid, taskInfoSchema, validate } from '@bgtask/protocol'
import { type Check, core, full } from '../check.js'
import { isAlive } from '../processes.js'
import { SLEEP } from '../spec.js'
import { until } from '../waiting.js'

export const infoChecks: readonly Check[] = [
  core('getInfo describes the task', 'W-50', async (bench) => {
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
    const other = { exec: ['sleep', '1000'], behavior: 'background' } as const
    const background = await bench.connect(await bench.launch({ ...other, exec: [...other.exec] }).ready())
    const reported = await background.info()
    assert.deepEqual({ exec: reported.command, behavior: reported.behavior }, other, 'command and behavior')
    assert.ok(info.pid !== null && isAlive(info.pid))
    for (const id of [1, 2] as const) {
      const { firstOffset, endOffset, eof } = info.streams[id]
      assert.deepEqual({ firstOffset, endOffset, eof }, { firstOffset: 0, endOffset: 0, eof: false })
    }
  }),

  full('getInfo returns every key of the table', 'W-51', async (bench) => {
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

  core('exitStatus says how the child ended', 'W-52', async (bench) => {
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

  core('output that the child wrote before its exit is readable when the exit is reported', 'W-53', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 60000 /dev/zero; sleep 1000 & exit 0' })
    const { streams } = await client.ended()
    assert.deepEqual([streams[1].endOffset, streams[1].eof], [60_000, false], 'endOffset and eof of stdout')
  }),

  full('a stopped child is paused, whichever process stopped it', 'W-55', async (bench) => {
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

  full('the state is terminating while a supervisor terminates', 'W-56', async (bench) => {
    const client = await bench.task({ cmd: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' })
    await client.text(/ready/)
    const steps = [
      { killSignal: 'SIGTERM', waitMs: 300 },
      { killSignal: 'SIGKILL', waitMs: 5_000 },
    ]
    const [, { state }] = await Promise.all([client.call('terminate', { steps }), client.info()])
    assert.equal(state, 'terminating')
  }),

  full('applyMeta merges as RFC 7396 says', 'W-60', async (bench) => {
    const client = await bench.task({ exec: SLEEP, meta: { a: 1, deep: { b: 2, c: 3 }, list: [1, 2] } })
    const patch = { a: null, deep: { b: null, d: { e: null, f: 4 } }, list: [3], gone: null, new: 'x' }
    const merged = { deep: { c: 3, d: { f: 4 } }, list: [3], new: 'x' }
    assert.deepEqual(await client.call('applyMeta', { patch }), merged)
    assert.deepEqual((await client.info()).meta, merged)
  }),

  full('applyMeta treats __proto__, constructor and toString as ordinary keys', 'W-62', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const deep = '{"__proto__":{"__proto__":1,"constructor":2},"constructor":{"toString":3},"toString":4}'
    assert.equal(JSON.stringify(await client.call('applyMeta', { patch: JSON.parse(deep) })), deep)
    const patch = JSON.parse('{"__proto__":{"__proto__":null},"constructor":null}')
    const merged = '{"__proto__":{"constructor":2},"toString":4}'
    assert.equal(JSON.stringify(await client.call('applyMeta', { patch })), merged)
    assert.equal(JSON.stringify((await client.info()).meta), merged)
  }),

  full('a patch that makes meta too large changes nothing', 'W-61', async (bench) => {
    const client = await bench.task({ exec: SLEEP, meta: { kept: 'x'.repeat(40_000) } })
    // The second one has fewer than 65,536 characters together with what is kept, but more bytes.
    for (const more of ['x'.repeat(40_000), 'ü'.repeat(20_000)]) {
      await client.failure('applyMeta', { patch: { more } })
      assert.deepEqual(Object.keys((await client.info()).meta), ['kept'], `keys of meta after a patch with ${more[0]}`)
    }
  }),
]
