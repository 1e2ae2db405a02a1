import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needs, pathOf, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { daemonPath, supervisorCommand } from '../src/command.js'
import { fixture, killSupervisor, makePool, spawnTask } from './support/pool.js'

/** Takes an `fcntl` lock on its first argument, says so, and keeps it for as many seconds as its second. */
const TAKE_FCNTL = `use Fcntl qw(:flock SEEK_SET F_SETLK F_WRLCK); open my $f, '+>>', $ARGV[0] or die; my $l = pack('s s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0); fcntl($f, F_SETLK, $l) or exit 1; $| = 1; print "held\\n"; sleep($ARGV[1])`

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

function lockPath(): string {
  return join(tempDir(), 'lock')
}

/** Lines of `/proc/locks` for a file: `OFDLCK`, `FLOCK` or `POSIX`. */
function kernelLocks(path: string): string[] {
  const { ino } = statSync(path)
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  return lines.filter((line) => line.includes(`:${ino} `)).map((line) => line.trim().split(/\s+/)[1] ?? '')
}

test.runIf(needs('flock'))(
  'the kernel holds both kinds of lock for the supervisor, and the child has no descriptor of the file',
  async () => {
    const lockfile = lockPath()
    const task = await spawnTask({ cmd: 'echo up; sleep 1000', lockfile })
    await task.stdout.waitFor('up\n')
    expect(kernelLocks(lockfile).toSorted()).toEqual(['FLOCK', 'OFDLCK'])
    const { pid } = await task.info()
    expect([...processFds(task.pid).values()]).toContain(lockfile)
    expect([...processFds(pid ?? 0).values()]).not.toContain(lockfile)
  },
)

describe('a supervisor that was SIGKILLed', () => {
  test.runIf(needs('root', 'unshare'))(
    'leaves an orphan that excludes also where its start time cannot be compared: in another time namespace',
    async () => {
      const lockfile = lockPath()
      const pool = makePool()
      const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
      await killSupervisor(task)
      const program = [process.execPath, fixture('spawn-one.js'), pool.path, JSON.stringify({ lockfile })]
      const argv = ['--time', '--boottime', '1000000', '--fork', ...program]
      const { stderr, status } = spawnSync(pathOf('unshare'), argv, { encoding: 'utf8' })
      expect({ stderr, status }).toEqual({ stderr: expect.stringContaining('ERR_BGTASK_LOCK_HELD'), status: 1 })
      const [lost] = await pool.lost()
      expect(await lost?.stop({ steps: KILL })).toEqual([])
    },
  )

  test('leaves one that excludes though it was not named yet: killed between the start of the child and its naming', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const { pid: childPid } = await task.info()
    await killSupervisor(task)
    const note = JSON.parse(readFileSync(lockfile, 'utf8'))
    writeFileSync(lockfile, JSON.stringify({ ...note, child: null }))
    const holder = { supervisorPid: task.pid, childPid, kind: 'orphan' }
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({ code: 'ERR_BGTASK_LOCK_HELD', holder })
  })
})

describe('where the lock addon cannot be loaded, as on musl', () => {
  /** The daemon without what lies beside it. */
  function poolWithoutAddon() {
    const daemon = join(tempDir(), 'daemon.cjs')
    copyFileSync(daemonPath(), daemon)
    return makePool({ supervisorCmd: supervisorCommand([process.execPath, daemon]) })
  }

  test.runIf(needs('flock'))('flock alone is taken', async () => {
    const lockfile = lockPath()
    const pool = poolWithoutAddon()
    await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(kernelLocks(lockfile)).toEqual(['FLOCK'])
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({ code: 'ERR_BGTASK_LOCK_HELD' })
  })

  test.runIf(needs('perl'))('an fcntl lock that is held excludes all the same', async () => {
    const lockfile = lockPath()
    const holder = await hold(pathOf('perl'), ['-e', TAKE_FCNTL, lockfile, '1000'])
    const held = { code: 'ERR_BGTASK_LOCK_HELD', holder: { kind: 'fcntl', pid: holder } }
    await expect(poolWithoutAddon().spawn({ cmd: 'true', lockfile })).rejects.toMatchObject(held)
  })
})

/** Starts a program that prints a line when it holds the lock, and keeps it until the test has finished. */
async function hold(program: string, args: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  await once(child.stdout, 'data')
  return child.pid ?? 0
}
