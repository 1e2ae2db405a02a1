import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Bench } from '../bench.js'
import { type Check, core, full, Skipped } from '../check.js'
import type { Launch } from '../launch.js'
import { encodeSpec, makeSpec, SLEEP } from '../spec.js'
import { outcomeOfConnect, until } from '../waiting.js'

/** What others put under the names of a supervisor, or in the place of its directory. */
export const nameChecks: readonly Check[] = [
  core('a name at which another process listens is not replaced, and no child is started', 'D-52', async (bench) => {
    for (const nameOf of [(pid: number) => `${pid}.sock`, (pid: number) => `.${pid}.s`]) {
      const { launch, pid } = startWaiting(bench)
      const path = join(bench.path, nameOf(pid))
      const server = await listenAt(bench, path)
      const { ino } = lstatSync(path)
      const ran = bench.beside('ran')
      launch.give(encodeSpec(makeSpec(bench.path, { exec: ['/usr/bin/touch', ran] })))
      await launch.stderrEnd()
      assert.equal(launch.readyPid(), undefined, `the pid of a ready line, though something listens at ${nameOf(pid)}`)
      assert.match(launch.stderr, /^BGTASK_ERROR=.*"NAME_TAKEN"/m)
      await launch.exit()
      assert.equal(existsSync(ran), false, 'the child was started')
      assert.deepEqual([lstatSync(path).ino, await outcomeOfConnect(path)], [ino, 'connected'], nameOf(pid))
      assert.deepEqual(bench.files(), [nameOf(pid)])
      server.close()
    }
  }),

  core('a dead socket under one of the names does not fail the launch', 'D-52', async (bench) => {
    const { launch, pid } = startWaiting(bench)
    for (const name of [`${pid}.sock`, `.${pid}.s`]) {
      const elsewhere = bench.beside('listening')
      const server = await listenAt(bench, elsewhere)
      renameSync(elsewhere, join(bench.path, name))
      server.close()
    }
    launch.give(encodeSpec(makeSpec(bench.path)))
    await bench.connect(await readyAs(launch, pid))
  }),

  core('a symbolic link under one of the names is not followed', 'D-53', async (bench) => {
    for (const nameOf of [
      (pid: number) => `.${pid}.s`,
      (pid: number) => `${pid}.sock`,
      (pid: number) => `${pid}.out`,
    ]) {
      for (const target of ['there', 'missing']) {
        const path = bench.beside(target)
        if (target === 'there') writeFileSync(path, 'private', { mode: 0o640 })
        const { launch, pid } = startWaiting(bench)
        const before = statSync(path, { throwIfNoEntry: false })?.mode
        symlinkSync(path, join(bench.path, nameOf(pid)))
        const access = { mode: 0o666, gid: null, owners: [] }
        launch.give(encodeSpec(makeSpec(bench.path, { access })))
        // It may refuse, or put its own in the link's place.
        await launch.ready().catch(() => {})
        const now = statSync(path, { throwIfNoEntry: false })?.mode
        assert.equal(now?.toString(8), before?.toString(8), `mode of the file that the link ${nameOf(pid)} names`)
        if (target === 'there') assert.equal(readFileSync(path, 'utf8'), 'private')
      }
    }
  }),

  core('a FIFO under the name of the log does not delay the launch', 'D-54', async (bench) => {
    const { launch, pid } = startWaiting(bench)
    spawnSync('mkfifo', [join(bench.path, `${pid}.out`)])
    launch.give(encodeSpec(makeSpec(bench.path)))
    // A launch that fails has ended in time too.
    await launch.ready().catch(() => launch.exit())
    if (launch.readyPid() !== undefined) await (await bench.connect(pid)).info()
  }),

  full('a foreign file under an earlier temporary name does not block the record', 'D-59', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { supervisorPid, taskId } = await client.info()
    const seen = new Set<string>()
    const watcher = watch(bench.path, (_, name) => void (name?.startsWith('.') && seen.add(name)))
    bench.after(() => watcher.close())
    await client.call('applyMeta', { patch: { step: 1 } })
    await until(() => seen.size > 0, 'a name under which the record is made')
    watcher.close()
    // Not even root removes a directory by `unlink`.
    for (const name of seen) mkdirSync(join(bench.path, name, 'full'), { recursive: true })
    await client.call('applyMeta', { patch: { step: 2 } })
    const record = `${supervisorPid}.${taskId}.json`
    assert.equal(JSON.parse(readFileSync(join(bench.path, record), 'utf8')).info.meta.step, 2, 'step on record')
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.deepEqual(bench.files().sort(), [...seen].sort(), 'files after the end')
  }),

  full("another directory in the place of the pool's receives nothing", 'D-55', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { supervisorPid, taskId } = await client.info()
    const moved = bench.beside('moved')
    renameSync(bench.path, moved)
    mkdirSync(bench.path)
    const name = `${supervisorPid}.out`
    writeFileSync(join(bench.path, name), 'mine')
    await client.call('applyMeta', { patch: { moved: true } })
    assert.deepEqual(bench.files(), [name], 'files in the other directory')
    const record = JSON.parse(readFileSync(join(moved, `${supervisorPid}.${taskId}.json`), 'utf8'))
    assert.equal(record.info.meta.moved, true)
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.deepEqual([readdirSync(moved), bench.files()], [[], [name]])
    assert.equal(readFileSync(join(bench.path, name), 'utf8'), 'mine')
  }),
]

/** A supervisor that has no spec yet, so that its names are known before it makes them. */
function startWaiting(bench: Bench): { launch: Launch; pid: number } {
  const launch = bench.start()
  return { launch, pid: launch.process.pid as number }
}

async function readyAs(launch: Launch, pid: number): Promise<number> {
  const readyPid = await launch.ready()
  if (readyPid !== pid) throw new Skipped('needs a supervisor that does not fork')
  return readyPid
}

async function listenAt(bench: Bench, path: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(path)
  bench.after(() => server.close())
  await once(server, 'listening')
  return server
}
