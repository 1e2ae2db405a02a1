import assert from 'node:assert/strict'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchSpec, TaskRecord } from '@bgtask/protocol'
import { assertHas } from '../assert-has.js'
import type { Bench } from '../bench.js'
import { type Check, full, should } from '../check.js'
import type { Client } from '../client.js'
import { needsFeature } from '../needs-feature.js'
import { isAlive } from '../processes.js'
import { encodeSpec, makeSpec, sh } from '../spec.js'
import { spoolPath } from '../spool-files.js'
import { until } from '../waiting.js'

const NEEDS = { lingerMs: 0, needs: ['linger', 'spool'] }
const SPOOL = { maxBytes: 65_536, segmentBytes: 16_384, sync: 'none' as const }

const WRONG_VALUES: readonly object[] = [
  { lingerMs: -1 },
  { lingerMs: 2 ** 31 },
  { lingerMs: 'soon' },
  { keepSpec: 'yes' },
  { resume: {} },
  { resume: { supervisorPid: 1, run: 1, restarts: 0, createdAt: 1, streams: { 1: { endOffset: 0 } } } },
]

/** When and how a supervisor with the feature `linger` retires. */
const retiring: readonly Check[] = [
  full('a supervisor retires when its task is over, and leaves the record', 'L-80 L-82 D-20', async (bench) => {
    await needsFeature(bench, 'linger')
    const client = await bench.task({ cmd: 'read go; echo hi; echo error >&2; exit 3', lingerMs: 0 })
    const { taskId, supervisorPid, lingerMs, retiredAt = null } = await client.info()
    assert.deepEqual({ lingerMs, retiredAt }, { lingerMs: 0, retiredAt: null }, 'lingerMs and retiredAt of info')
    await client.call('closeStream', { streamId: 0 })
    await hasRetired(client, supervisorPid)
    assert.deepEqual(bench.files(), [`${supervisorPid}.${taskId}.json`, `${taskId}.d`].sort(), 'names in the directory')
    const { child, info } = recordOf(bench, supervisorPid, taskId)
    assertHas(info, { state: 'exited', pid: null, run: 1, nextStartAt: null, failure: null }, 'info of the record')
    assert.deepEqual([child, info.exitStatus?.exitCode], [null, 3], 'child and exitCode of the record')
    assert.ok(Math.abs((info.retiredAt ?? 0) - Date.now()) < 60_000, `retiredAt ${info.retiredAt} of the record`)
    const { 1: stdout, 2: stderr } = info.streams as Record<1 | 2, { endOffset: number; eof: boolean }>
    assert.deepEqual([stdout.endOffset, stdout.eof, stderr.endOffset], [3, true, 6], 'streams of the record')
  }),

  full('a supervisor does not retire while output or a restart is to come', 'L-80', async (bench) => {
    await needsFeature(bench, 'linger')
    const go = bench.beside('go')
    const cmd = `(until [ -e ${go} ]; do sleep 0.01; done; echo late) & exit 0`
    const writing = await bench.task({ cmd, lingerMs: 0 })
    const { taskId, supervisorPid } = await writing.ended()
    assert.equal((await writing.info()).streams[1].eof, false, 'eof while a grandchild may write')
    writeFileSync(go, '')
    await hasRetired(writing, supervisorPid)
    const { streams } = recordOf(bench, supervisorPid, taskId).info as unknown as Record<'streams', Record<1, object>>
    assertHas(streams[1], { endOffset: 5, eof: true }, 'stdout of the record')

    const restart = { on: 'failure' as const, delayMs: 50, maxDelayMs: 50, maxRestarts: 2 }
    const failing = await bench.task({ cmd: 'exit 1', lingerMs: 0, restart })
    const own = await failing.info()
    await hasRetired(failing, own.supervisorPid)
    const { info } = recordOf(bench, own.supervisorPid, own.taskId)
    assertHas(info, { state: 'failed', run: 3, restarts: 2 }, 'info of the record after restarts')
  }),

  should(
    full('a client that follows gets the rest before a supervisor retires', 'L-81', async (bench) => {
      await needsFeature(bench, 'linger')
      // A follower that is slow on a busy machine is none.
      const got = [await followed(bench), await followed(bench), await followed(bench)]
      assert.ok(got.includes(300_000), `a follower got ${got} of 300000 bytes`)
    }),
  ),
]

/** The spec that is kept, and what another supervisor makes of it. */
const resuming: readonly Check[] = [
  full('the spec is kept for its owner alone, byte for byte, unless it is not to be', 'L-83', async (bench) => {
    await needsFeature(bench, 'linger')
    for (const [umask, keepSpec] of [
      ['000', true],
      ['777', true],
      ['077', false],
    ] as const) {
      const before = ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh']
      const access = { mode: 0o666, gid: null, owners: [] }
      const spec = { ...makeSpec(bench.path, { ...NEEDS, lingerMs: 60_000, keepSpec, access }), unknownKey: [1, 'x'] }
      await bench.start({ before }).give(encodeSpec(spec)).ready()
      const path = join(spoolPath(bench, spec.taskId), 'spec')
      assert.equal(existsSync(path), keepSpec, `whether the spec is kept, with keepSpec ${keepSpec}`)
      if (!keepSpec) continue
      assert.equal((lstatSync(path).mode & 0o777).toString(8), '600', `mode of the spec, with umask ${umask}`)
      assert.ok(readFileSync(path).equals(encodeSpec(spec)), 'the bytes of the spec')
    }
  }),

  full('only one supervisor at a time has the directory of a task', 'L-84', async (bench) => {
    await needsFeature(bench, 'linger')
    const spec = makeSpec(bench.path, { ...NEEDS, lingerMs: 60_000 })
    const pid = await bench.start().give(encodeSpec(spec)).ready()
    const resume = {
      supervisorPid: pid,
      run: 1,
      restarts: 0,
      createdAt: 1,
      streams: { 1: { endOffset: 0 }, 2: { endOffset: 0 } },
    }
    const second = bench.start().give(encodeSpec({ ...spec, resume }))
    await second.stderrEnd()
    const error = errorOf(second.stderr)
    assert.equal(error.code, 'ERR_BGTASK_LOCK_HELD', 'code of the error')
    await second.exit()
    assert.equal({ ...error, ...error.data }.lockfile, spoolPath(bench, spec.taskId), 'lockfile of the error')
    assert.equal((await (await bench.connect(pid)).info()).state, 'running', 'state of the task that has it')
  }),

  full('a retired task that is started again goes on where it has ended', 'L-86 L-87', async (bench) => {
    await needsFeature(bench, 'linger')
    const spec = makeSpec(bench.path, {
      ...NEEDS,
      spool: SPOOL,
      exec: sh('seq 1 1000; echo error >&2'),
      meta: { a: 1 },
    })
    const first = await retiredRecord(bench, spec)
    const again = { ...spec, exec: sh('seq 1 1000; read go'), lingerMs: 60_000, resume: resumeOf(first) }
    const pid = await bench.start().give(encodeSpec(again)).ready()
    assert.equal(existsSync(recordPath(bench, first.info.supervisorPid, spec.taskId)), false, 'the old record is there')
    const client = await bench.connect(pid)
    const { run, restarts, createdAt } = await client.info()
    assert.deepEqual([run, restarts, createdAt], [2, 1, first.info.createdAt], 'run, restarts and createdAt')
    const numbers = Array.from({ length: 1_000 }, (_, index) => `${index + 1}\n`).join('')
    await until(
      async () => (await client.info()).streams[1].endOffset === 2 * numbers.length,
      'the output of both runs',
    )
    const { firstOffset, runOffset } = (await client.info()).streams[1]
    assert.deepEqual({ firstOffset, runOffset }, { firstOffset: 0, runOffset: numbers.length }, 'offsets of stdout')
    const { data } = await client.call('readStream', { streamId: 1, from: numbers.length - 5, maxBytes: 10 })
    assert.equal((await client.call('readOrder', {})).seq, 0, 'seq of the first chunk')
    assert.equal(Buffer.from(data).toString(), '1000\n1\n2\n3\n'.slice(0, data.length), 'bytes across both runs')
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.deepEqual(bench.files(), [], 'what is left of a task that was terminated')
  }),

  full('a retired task that cannot be started again stays as it is', 'L-87', async (bench) => {
    await needsFeature(bench, 'linger')
    const spec = makeSpec(bench.path, { ...NEEDS, spool: SPOOL, exec: sh('echo hi') })
    const record = await retiredRecord(bench, spec)
    const before = bench.files()
    const launch = bench.start().give(encodeSpec({ ...spec, exec: ['no-such-program'], resume: resumeOf(record) }))
    await launch.stderrEnd()
    await launch.exit()
    assert.equal(errorOf(launch.stderr).code, 'ERR_BGTASK_COMMAND', 'code of the error')
    assert.deepEqual(bench.files(), before, 'names in the directory')
    assert.deepEqual(recordOf(bench, record.info.supervisorPid, spec.taskId), record, 'the record')
    assert.ok(existsSync(join(spoolPath(bench, spec.taskId), `1.${'0'.repeat(16)}`)), 'the output is gone')
  }),

  full('wrong values of lingerMs, keepSpec and resume fail the launch', 'L-14', async (bench) => {
    await needsFeature(bench, 'linger')
    for (const wrong of WRONG_VALUES) {
      const launch = bench.start().give(encodeSpec({ ...makeSpec(bench.path, { needs: ['linger'] }), ...wrong }))
      await launch.stderrEnd()
      assert.equal(launch.readyPid(), undefined, `the pid of a ready line, with ${JSON.stringify(wrong)}`)
      await launch.exit()
    }
    await bench.nothingLeft('specs that must fail the launch')
  }),
]

/** The features `linger` and, where output is to be kept, `spool`. */
export const lingerChecks: readonly Check[] = [...retiring, ...resuming]

/** How many of 300,000 bytes a client gets that follows them. */
async function followed(bench: Bench): Promise<number> {
  const client = await bench.task({ cmd: 'read go; head -c 300000 /dev/zero; exit 0', lingerMs: 0 })
  const first = client.call('readStream', { streamId: 1, from: 0, maxBytes: 1, waitMs: 10_000 })
  await client.call('closeStream', { streamId: 0 })
  await first
  return client.whole(1, 20_000).then(
    (bytes) => bytes.length,
    () => 0,
  )
}

async function hasRetired(client: Client, pid: number): Promise<void> {
  await client.closedBySupervisor()
  await until(() => !isAlive(pid), 'the supervisor has ended')
}

/** Runs a task to its end. */
async function retiredRecord(bench: Bench, spec: LaunchSpec): Promise<TaskRecord> {
  const pid = await bench.start().give(encodeSpec(spec)).ready()
  await until(() => !isAlive(pid), 'the supervisor has ended')
  return recordOf(bench, pid, spec.taskId)
}

function resumeOf({ info }: TaskRecord): LaunchSpec['resume'] {
  const { supervisorPid, run, restarts, createdAt, streams } = info
  return { supervisorPid, run, restarts, createdAt, streams: streams as NonNullable<LaunchSpec['resume']>['streams'] }
}

const recordPath = (bench: Bench, pid: number, taskId: string) => join(bench.path, `${pid}.${taskId}.json`)

function recordOf(bench: Bench, pid: number, taskId: string): TaskRecord {
  return JSON.parse(readFileSync(recordPath(bench, pid, taskId), 'utf8'))
}

function errorOf(stderr: string): { code: string; data?: { lockfile?: string }; lockfile?: string } {
  return JSON.parse(/^BGTASK_ERROR=(.*)$/m.exec(stderr)?.[1] ?? '{}')
}
