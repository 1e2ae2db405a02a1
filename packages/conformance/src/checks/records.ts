import assert from 'node:assert/strict'
import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../bench.js'
import { type Check, core, full, Skipped } from '../check.js'
import { descriptorOf } from '../processes.js'
import { SLEEP } from '../spec.js'
import { until } from '../waiting.js'

export const recordChecks: readonly Check[] = [
  core('the files of a task have the group of access', 'D-2', async (bench) => {
    const gid = otherGroup()
    const pid = await bench.launch({ access: { mode: 0o660, gid, owners: [] } }).ready()
    const files = bench.files().filter((name) => name.startsWith(`${pid}.`))
    for (const name of files) assert.equal(lstatSync(join(bench.path, name)).gid, gid, `group of ${name}`)
  }),

  full('each state is on record when it is reported', 'D-6', async (bench) => {
    const client = await bench.task({
      cmd: 'trap "" TERM; read line; exit 1',
      restart: { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 },
    })
    const { supervisorPid, pid } = await client.info()
    const recorded = () => recordOf(bench, supervisorPid)
    const reaches = async (state: string) => {
      await until(async () => (await client.info()).state === state, `state ${state}`)
      assert.equal(recorded().info.state, state, `state on record when the info says ${state}`)
    }
    await client.call('kill', { killSignal: 'SIGSTOP' })
    await reaches('paused')
    await client.call('kill', { killSignal: 'SIGCONT' })
    await reaches('running')
    process.kill(pid ?? 0, 'SIGKILL')
    await reaches('backoff')
    assert.equal(recorded().child, null, 'child on record in state backoff')
    await client.call('restart')
    const info = await client.info()
    assert.deepEqual(
      [recorded().info.run, recorded().child?.pid],
      [2, info.pid],
      'run and child on record after a restart',
    )
    const steps = [
      { killSignal: 'SIGTERM', waitMs: 600 },
      { killSignal: 'SIGKILL', waitMs: 5_000 },
    ]
    const terminated = client.call('terminate', { steps })
    await reaches('terminating')
    await terminated
  }),

  full('an exit is on record before the event reports it', 'D-6', async (bench) => {
    const client = await bench.task({ cmd: 'read line; exit 3' })
    const { supervisorPid } = await client.info()
    await client.call('subscribe')
    const seen: unknown[] = []
    client.onHeard = (name) => {
      if (name === 'childExit' || name === 'stateChange') seen.push([name, recordOf(bench, supervisorPid).info.state])
    }
    await client.call('closeStream', { streamId: 0 })
    await client.event('childExit')
    assert.ok(seen.length > 0)
    for (const [name, state] of seen as [string, string][]) assert.equal(state, 'exited', `state on record at ${name}`)
  }),

  full('an exit is reported even if it cannot be recorded, and meta is then unchanged', 'D-6 W-60', async (bench) => {
    const client = await bench.task({ cmd: 'read line; exit 3', meta: { step: 1 } })
    await client.call('subscribe')
    // No user can write in a directory that was removed, root included.
    rmSync(bench.path, { recursive: true })
    assert.equal((await client.failure('applyMeta', { patch: { step: 2 } })).code, 'NOT_RECORDED', 'code of applyMeta')
    assert.deepEqual((await client.info()).meta, { step: 1 }, 'meta after an applyMeta that failed')
    await client.call('closeStream', { streamId: 0 })
    const { recorded, exitStatus } = await client.event('childExit')
    assert.deepEqual([recorded, exitStatus.exitCode], [false, 3], 'recorded and exit code of childExit')
    const { restarted } = await client.call('restart')
    assert.equal(restarted, true, 'restarted, though the record cannot be written')
  }),

  full('the pipes on record are those of the child', 'D-20', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { supervisorPid, pid } = await client.info()
    const { pipes } = recordOf(bench, supervisorPid)
    if (pipes === undefined) return
    for (const fd of [0, 1, 2]) {
      const target = descriptorOf(pid ?? 0, fd)
      if (target.startsWith('pipe:'))
        assert.ok(pipes.includes(target), `${target}, which is fd ${fd} of the child, among ${pipes}`)
    }
  }),
]

/** A group that files of ours can be given, and that they would not have anyway. */
function otherGroup(): number {
  const groups = process.getgroups?.().filter((gid) => gid !== process.getegid?.()) ?? []
  if (process.geteuid?.() === 0) return groups[0] ?? 12_345
  if (groups[0] === undefined) throw new Skipped('needs to be in a second group, or to be root')
  return groups[0]
}

interface LooseRecord {
  readonly child: { readonly pid: number } | null
  readonly pipes?: readonly string[]
  readonly info: { readonly state: string; readonly run: number }
}

/** The record as anybody reads it, without the product's own reader. */
function recordOf(bench: Bench, pid: number): LooseRecord {
  const name = bench.files().find((file) => file.startsWith(`${pid}.`) && file.endsWith('.json'))
  assert.ok(name !== undefined, `a record of supervisor ${pid} among ${bench.files()}`)
  return JSON.parse(readFileSync(join(bench.path, name), 'utf8'))
}
