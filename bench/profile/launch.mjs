// How long the caller is blocked by the start of a native supervisor, and when the task can first be asked.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connectSocket, encode, RpcPeer } from '../../packages/protocol/dist/index.js'
import { temporaryDirectory } from '../lib/benchmark.mjs'

const root = resolve(import.meta.dirname, '../..')
const binary = join(root, 'packages/supervisor-native/dist/bgtask-supervisor')

/** The same shell as in `packages/pool/src/launch/supervisor-process.ts`. */
const DETACH = '"$@" <&3 3<&- &'

const GIB_OF_DOUBLES = 128 * 1024 * 1024
const DOUBLES_PER_ARRAY = 1024 * 1024

export const launchParts = {
  id: 'launch',
  title: 'The start of a native supervisor',
  columns: ['started by', 'heap', 'caller blocked, median (ms)', 'p95 (ms)', 'until the first info, median (ms)'],
  async run({ rounds }) {
    if (!existsSync(binary)) return [['the native supervisor was not built', '', '', '', '']]
    const { Spawner } = await loadSpawner()
    const spawner = new Spawner(binary)
    const ways = {
      'a shell': startByShell,
      'itself (BGTASK_DETACH)': startDirectly,
      'a spawner': (launch) => startBySpawner(spawner, launch),
    }
    const rows = []
    const ballast = []
    for (const heap of ['small', '1 GiB']) {
      if (heap === '1 GiB') fill(ballast)
      const seen = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
      // Interleaved, so that a busy moment of the machine is all theirs.
      for (let round = 0; round < rounds; round += 1)
        for (const [name, start] of Object.entries(ways)) seen[name].push(await measure(start))
      for (const [name, times] of Object.entries(seen)) {
        const blocked = times.map((time) => time.blocked).sort((a, b) => a - b)
        const info = times.map((time) => time.info).sort((a, b) => a - b)
        rows.push([name, heap, ...[at(blocked, 0.5), at(blocked, 0.95), at(info, 0.5)].map((ms) => ms.toFixed(2))])
      }
    }
    spawner.close()
    return rows
  },
}

/** One launch, from the call until the info is there; `blocked` is what the caller's thread is busy with in that call. */
async function measure(start) {
  const launch = makeLaunch()
  const began = performance.now()
  const pid = start(launch)
  // What a start leaves for the end of the turn is its own.
  const blocked = await new Promise((resolve) => process.nextTick(() => resolve(performance.now() - began)))
  const peer = new RpcPeer(await connectSocket(join(launch.path, `${await pid}.sock`)))
  await peer.call('getInfo')
  const info = performance.now() - began
  await peer.call('terminate').catch(() => {})
  peer.close()
  return { blocked, info }
}

function makeLaunch() {
  const path = temporaryDirectory()
  const taskId = randomBytes(16).toString('hex')
  const env = { ...process.env, BGTASK_TASKPOOL_PATH: path, BGTASK_BEHAVIOR: 'daemon' }
  const spec = encode({
    v: 1,
    taskId,
    exec: ['/bin/sleep', '1000'],
    env: { ...process.env, BGTASK_TASKPOOL_PATH: path, BGTASK_COOKIE: taskId },
    cwd: '/',
    umask: 0o022,
    behavior: 'daemon',
    meta: {},
    maxReadBufSize: 16 * 1024 * 1024,
    overflow: 'discard',
    lockfile: null,
    stdin: 'pipe',
    stop: [{ killSignal: 'SIGKILL', waitMs: 5_000 }],
    restart: { on: 'never' },
    maxRuntimeMs: null,
    poolPath: path,
    access: {},
    needs: [],
  })
  return { path, env, spec }
}

function startByShell({ env, spec }) {
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe']
  const child = spawn('/bin/sh', ['-c', DETACH, 'sh', binary], { env, detached: true, stdio })
  child.stdio[3].end(spec)
  return pidOf((take) => child.stderr.on('data', take))
}

function startDirectly({ env, spec }) {
  const stdio = ['pipe', 'ignore', 'pipe']
  const child = spawn(binary, [], { env: { ...env, BGTASK_DETACH: '1' }, stdio })
  child.stdin.end(spec)
  return pidOf((take) => child.stderr.on('data', take))
}

function startBySpawner(spawner, { env, spec }) {
  return pidOf((take, fail) => {
    const launch = { argv: [binary], env, cwd: '/', umask: 0o022, behavior: 'daemon' }
    const onEnd = (failure) => fail(new Error(`the launch has ended: ${JSON.stringify(failure)}`))
    spawner.start(launch, { onStderr: take, onEnd }).end(spec)
  })
}

function pidOf(listen) {
  return new Promise((resolve, reject) => {
    let text = ''
    listen((chunk) => {
      text += chunk
      const pid = /^DAEMON_PID=(\d+)$/m.exec(text)?.[1]
      if (pid !== undefined) resolve(pid)
      else if (text.includes('BGTASK_ERROR')) reject(new Error(text))
    }, reject)
  })
}

function fill(ballast) {
  for (let doubles = 0; doubles < GIB_OF_DOUBLES; doubles += DOUBLES_PER_ARRAY)
    ballast.push(new Array(DOUBLES_PER_ARRAY).fill(doubles + 0.5))
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** The pool does not export it, and the sources are TypeScript. */
async function loadSpawner() {
  const { build } = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild')
  const outfile = join(temporaryDirectory(), 'spawner.mjs')
  const source = join(root, 'packages/pool/src/launch/spawner/spawner.ts')
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  return import(pathToFileURL(outfile))
}
