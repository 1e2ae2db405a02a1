import assert from 'node:assert/strict'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { processIdentity, readProcessStat } from '@bgtask/os'
import { describeInvalid, recordedInfoSchema, type TaskRecord, taskRecordSchema, validate } from '@bgtask/protocol'
import type { Bench } from '../bench.js'
import { type Check, core, full, should } from '../check.js'
import { Client } from '../client.js'
import { failsToLaunch } from '../failing-launch.js'
import { descriptorOf } from '../processes.js'
import { encodeSpec, makeSpec, SLEEP, sh } from '../spec.js'
import { outcomeOfConnect, until } from '../waiting.js'

const SECRET = 'conformance-secret-8d1f'

export const directoryChecks: readonly Check[] = [
  core('a socket accepts connections as soon as it is visible', 'D-1', async (bench) => {
    const outcomes = new Map<string, Promise<string>>()
    const watcher = watch(bench.path, (_, name) => {
      if (name?.endsWith('.sock') && !name.startsWith('.') && !outcomes.has(name)) {
        outcomes.set(name, outcomeOfConnect(join(bench.path, name)))
      }
    })
    bench.after(() => watcher.close())
    const pids = await Promise.all([1, 2, 3].map(() => bench.launch().ready()))
    const names = pids.map((pid) => `${pid}.sock`)
    await until(() => names.every((name) => outcomes.has(name)), `sockets named ${names}; seen ${[...outcomes.keys()]}`)
    for (const [name, outcome] of outcomes) assert.equal(await outcome, 'connected', name)
  }),

  core('the socket has no final name before the child has been started', 'D-1', async (bench) => {
    const seen: string[] = []
    const watcher = watch(bench.path, (_, name) => void seen.push(String(name)))
    bench.after(() => watcher.close())
    await failsToLaunch(bench, bench.launch({ exec: ['no-such-program-anywhere'] }), 'a program that is missing')
    await new Promise(setImmediate)
    assert.deepEqual(
      seen.filter((name) => /^\d+\.sock$/.test(name)),
      [],
      'final names of sockets, though no child was started',
    )
  }),

  core('socket, log and record have the mode and group of access, regardless of the umask', 'D-2', async (bench) => {
    const gid = process.getgid?.() ?? null
    for (const [umask, mode] of [
      ['000', 0o600],
      ['077', 0o660],
      ['077', 0o777],
    ] as const) {
      const before = ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh']
      const pid = await bench.launch({ access: { mode, gid, owners: [] } }, { before }).ready()
      const files = bench.files().filter((name) => name.startsWith(`${pid}.`))
      assert.ok(files.includes(`${pid}.sock`), `${pid}.sock among ${files}`)
      for (const name of files) {
        const { mode: got, gid: group } = lstatSync(join(bench.path, name))
        assert.deepEqual(
          [(got & 0o777).toString(8), group],
          [(mode & 0o666).toString(8), gid],
          `mode and group of ${name}`,
        )
      }
    }
  }),

  full('a path that is too long for a socket fails the launch', 'D-3', async (bench) => {
    const poolPath = join(bench.path, 'x'.repeat(110))
    mkdirSync(poolPath)
    const launch = bench.start().give(encodeSpec({ ...makeSpec(bench.path), poolPath }))
    await launch.stderrEnd()
    assert.equal(launch.readyPid(), undefined, 'the pid of a ready line')
    await launch.exit()
    assert.deepEqual([readdirSync(poolPath), bench.files()], [[], ['x'.repeat(110)]])
  }),

  should(
    full('a daemon writes its messages to its log', 'D-4', async (bench) => {
      for (const behavior of ['daemon', 'background'] as const) {
        const task = await bench.spawn({ exec: SLEEP, behavior })
        // It lets go of its launcher right after it has said that it is ready, and answers afterwards.
        await task.info()
        const { pid } = task
        const log = bench.pool.outputPath(pid)
        // It may open its log only when it has something to say.
        for (const fd of [1, 2])
          assert.ok([log, '/dev/null'].includes(descriptorOf(pid, fd)), `fd ${fd}: ${descriptorOf(pid, fd)}`)
      }
    }),
  ),

  full('the record exists at the ready line, with the documented values', 'D-5 D-20 D-21 D-48', async (bench) => {
    const pid = await bench.launch({ meta: { name: 'recorded' } }).ready()
    const { record } = recordOf(bench, pid)
    const client = await bench.connect(pid)
    const { clientCount, streams, ...info } = await client.info()
    const { timeNamespace, ...identity } = processIdentity(pid)
    assert.deepEqual(
      record.supervisor,
      'timeNamespace' in record.supervisor ? { ...identity, timeNamespace } : identity,
    )
    assert.deepEqual(record.child, { pid: info.pid, startTime: readProcessStat(info.pid ?? 0)?.startTime })
    assert.equal(record.uid, process.getuid?.())
    assert.deepEqual(record.info, info)
    assert.equal(validate(recordedInfoSchema, record.info).invalid, undefined)
  }),

  full('the record is replaced as a whole', 'D-5', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { supervisorPid } = await client.info()
    const { path, text } = recordOf(bench, supervisorPid)
    // Another name of the same file: what is written into it would be seen there.
    linkSync(path, bench.beside('old'))
    await client.call('applyMeta', { patch: { changed: true } })
    assert.equal(readFileSync(bench.beside('old'), 'utf8'), text, 'the old record was written to')
    assert.equal(recordOf(bench, supervisorPid).record.info.meta.changed, true)
  }),

  full('a change is on record before it is reported', 'D-6', async (bench) => {
    const client = await bench.task({ cmd: 'read line; exit 3' })
    const { supervisorPid } = await client.info()
    const onRecord = () => recordOf(bench, supervisorPid).record.info
    const patched = await client.call('applyMeta', { patch: { step: 2 } })
    assert.deepEqual(onRecord().meta, patched)
    const exit = client.call('waitExit', { waitMs: 5_000 })
    await client.call('kill', { killSignal: 'SIGKILL' })
    const { exitStatus } = await exit
    const { state, pid, exitStatus: recorded } = onRecord()
    assert.deepEqual({ state, pid, recorded }, { state: 'exited', pid: null, recorded: exitStatus })
  }),

  full('the record stays if a stop left survivors', 'D-10', async (bench) => {
    const client = await bench.task({ cmd: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' })
    await client.text(/ready/)
    const { supervisorPid, taskId } = await client.info()
    await client.call('terminate', { steps: [{ killSignal: 'SIGTERM', waitMs: 50 }] })
    await client.closedBySupervisor()
    assert.deepEqual(bench.files(), [`${supervisorPid}.${taskId}.json`])
  }),

  core('terminate removes socket, log and record', 'D-7', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.deepEqual(bench.files(), [])
  }),

  core('foreign files are left alone, also one in the place of the socket', 'D-8', async (bench) => {
    const others = ['1.0123456789abcdef.json', '1.out', '1.sock', 'notes.txt']
    for (const name of others) writeFileSync(join(bench.path, name), 'mine')
    const client = await bench.task({ exec: SLEEP })
    const socket = client.path
    renameSync(socket, bench.beside('moved'))
    writeFileSync(socket, 'mine')
    const again = await Client.connect(bench.beside('moved'))
    await again.call('terminate')
    await again.closedBySupervisor()
    assert.equal(readFileSync(socket, 'utf8'), 'mine')
    rmSync(socket)
    assert.deepEqual(bench.files(), others)
    for (const name of others) assert.equal(readFileSync(join(bench.path, name), 'utf8'), 'mine')
  }),

  full('the record holds no values of the environment', 'D-9', async (bench) => {
    const { pid } = await bench.spawn({ exec: SLEEP, env: { TOKEN: SECRET } })
    assert.ok(!recordOf(bench, pid).text.includes(SECRET))
  }),

  core('info holds no values of the environment', 'W-54', async (bench) => {
    const client = await bench.connect(await bench.launch({ exec: sh('sleep 1000'), env: { TOKEN: SECRET } }).ready())
    assert.ok(!JSON.stringify(await client.info()).includes(SECRET))
  }),
]

/** What is on record at this moment. */
function recordOf(bench: Bench, pid: number): { record: TaskRecord; path: string; text: string } {
  const name = bench.files().find((file) => file.startsWith(`${pid}.`) && file.endsWith('.json'))
  assert.ok(name !== undefined, `a record of supervisor ${pid} among ${bench.files()}`)
  const path = join(bench.path, name)
  assert.ok(statSync(path).size <= 256 * 1024)
  const text = readFileSync(path, 'utf8')
  const { value, invalid } = validate(taskRecordSchema, JSON.parse(text))
  if (invalid !== undefined) throw new Error(`the record: ${describeInvalid(invalid)}`)
  assert.equal(name, `${value.info.supervisorPid}.${value.info.taskId}.json`)
  return { record: value, path, text }
}
