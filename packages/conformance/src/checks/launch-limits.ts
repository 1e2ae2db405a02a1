import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, openSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { readProcessStat } from '@bgtask/os'
import { type Check, core, full, Skipped } from '../check.js'
import { failsToLaunch } from '../failing-launch.js'
import { isAlive, isIdle } from '../processes.js'
import { encodeSpec, KILL, makeSpec, sh } from '../spec.js'
import { until } from '../waiting.js'

/** A stdin that returns EAGAIN as long as no byte has arrived. */
const NON_BLOCKING = `import fcntl,os,sys
fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)
os.execvp(sys.argv[1], sys.argv[1:])`

export const launchLimitChecks: readonly Check[] = [
  core('nothing is started before stdin has ended', 'L-10', async (bench) => {
    const launch = bench.start()
    const pid = launch.process.pid as number
    launch.process.stdin?.write(encodeSpec(makeSpec(bench.path)))
    await until(() => readProcessStat(pid)?.state !== 'R', 'it waits for the end of its stdin')
    // There is no event for what must not happen: a child that started would take less time than this.
    for (let looks = 0; looks < 20; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.deepEqual(bench.files(), [], 'files made before stdin ended')
      assert.equal(launch.readyPid(), undefined, 'the pid of a ready line before stdin ended')
    }
    launch.process.stdin?.end()
    await launch.ready()
  }),

  core('a spec may come from a non-blocking stdin', 'L-10', async (bench) => {
    const python = needsPython()
    const launch = bench.start({ before: [python, '-c', NON_BLOCKING] })
    const bytes = encodeSpec(makeSpec(bench.path))
    launch.process.stdin?.write(bytes.subarray(0, 20))
    await isIdle(launch.process.pid as number)
    launch.give(bytes.subarray(20))
    await launch.ready()
  }),

  core('a spec of 7 MiB is accepted', 'L-10', async (bench) => {
    const spec = { ...makeSpec(bench.path), ignored: 'x'.repeat(7 * 1024 * 1024) }
    await bench.start().give(encodeSpec(spec)).ready()
  }),

  full('a spec of more than 8 MiB fails the launch', 'L-10', async (bench) => {
    const spec = { ...makeSpec(bench.path), ignored: 'x'.repeat(8 * 1024 * 1024) }
    await failsToLaunch(bench, bench.start().give(encodeSpec(spec, 9 * 1024 * 1024)), 'a spec of more than 8 MiB')
  }),

  core('unknown keys in the maps of the spec are ignored', 'L-12', async (bench) => {
    const restart = { on: 'never', delayMs: 1, maxDelayMs: 1, factor: 2, maxRestarts: 1, resetAfterMs: 1, future: 1 }
    const access = { mode: 0o600, gid: null, owners: [], future: [1] }
    const stop = [{ killSignal: 'SIGKILL', waitMs: 5_000, future: true }]
    await bench.launch({ restart, access, stop } as never).ready()
  }),

  full('optional keys of restart and access may be missing', 'L-14', async (bench) => {
    const client = await bench.connect(await bench.launch({ restart: { on: 'never' }, access: {} } as never).ready())
    const { delayMs, maxDelayMs, factor, maxRestarts, resetAfterMs } = (await client.info()).restart
    const defaults = [1_000, 60_000, 2, 10, 60_000]
    assert.deepEqual([delayMs, maxDelayMs, factor, maxRestarts, resetAfterMs], defaults, 'the defaults of restart')
  }),

  full('a program that the kernel cannot execute is not passed to a shell', 'L-20 L-38', async (bench) => {
    const script = bench.beside('no-shebang')
    writeFileSync(script, 'echo run by a shell\n', { mode: 0o755 })
    await failsToLaunch(
      bench,
      bench.launch({ exec: [script] }),
      'an executable file without a format that the kernel knows',
    )
  }),

  core("the ready line is written once, and the launcher's stdin is closed", 'L-32 L-33', async (bench) => {
    const file = bench.beside('spec')
    writeFileSync(file, encodeSpec(makeSpec(bench.path)))
    const launch = bench.start({ stdin: openSync(file, 'r') })
    const client = await bench.connect(await launch.ready())
    await launch.stderrEnd()
    await client.info()
    assert.equal(launch.stderr.match(/^DAEMON_PID=/gm)?.length, 1, `ready lines in ${JSON.stringify(launch.stderr)}`)
    for (const pid of bench.processes()) {
      assert.ok(!openFiles(pid).includes(file), `process ${pid} still has the stdin of the launcher open`)
    }
  }),

  full("a launch that is undone ends the child's descendants, too", 'L-37', async (bench) => {
    const launch = bench.start()
    launch.process.stderr?.destroy()
    const exec = sh('setsid sleep 1000 < /dev/null > /dev/null 2>&1 & exec sleep 1000')
    launch.give(encodeSpec(makeSpec(bench.path, { exec })))
    await launch.exit()
    await bench.nothingLeft('a launch whose ready line is not read')
  }),

  core('SIGTERM to the supervisor executes the steps of the spec', 'L-40', async (bench) => {
    const file = bench.beside('asked')
    const exec = sh(`trap "echo > ${file}; exit 0" TERM; echo up; while :; do sleep 0.05; done`)
    const stop = [{ killSignal: 'SIGTERM', waitMs: 10_000 }, ...KILL]
    const pid = await bench.launch({ exec, stop }).ready()
    const client = await bench.connect(pid)
    await client.text(/up/)
    process.kill(pid, 'SIGTERM')
    await until(() => !isAlive(pid), 'the supervisor is gone')
    assert.ok(existsSync(file), 'the child did not get the signal of the first step')
  }),

  full('the lock is held during a stop, and free after the child has ended by itself', 'L-63', async (bench) => {
    if (spawnSync('flock', ['--version']).error !== undefined) throw new Skipped('needs the program flock')
    const isFree = (file: string) => spawnSync('flock', ['-n', file, 'true']).status === 0
    const [own, stopped] = [bench.beside('own'), bench.beside('stopped')]
    const over = await bench.task({ cmd: 'exit 0', lockfile: own })
    await over.ended()
    await until(() => isFree(own), 'the lock of a task whose child has ended by itself is free')
    const go = bench.beside('go')
    const client = await bench.task({
      cmd: `trap "echo asked" TERM; echo up; until [ -e ${go} ]; do sleep 0.05; done`,
      lockfile: stopped,
    })
    await client.text(/up/)
    const stop = client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 60_000 }, ...KILL] })
    await client.text(/asked/)
    assert.equal(isFree(stopped), false, 'the lock is free while a stop is under way')
    writeFileSync(go, '')
    await stop
    assert.equal(isFree(stopped), true, 'the lock is held after the stop')
  }),
]

function needsPython(): string {
  const python = ['/usr/bin/python3', 'python3'].find((path) => spawnSync(path, ['-c', 'import fcntl']).status === 0)
  if (python === undefined) throw new Skipped('needs python3')
  return python
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}
