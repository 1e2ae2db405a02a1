import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
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

test.runIf(needs('flock'))(
  'a second task is refused, with the holder, and leaves nothing; the task that has it is not disturbed',
  async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const { pid } = await task.info()
    const holder = { supervisorPid: task.pid, childPid: pid, kind: 'bgtask' }
    await expect(pool.spawn({ cmd: 'echo never', lockfile })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LOCK_HELD',
      lockfile,
      holder,
    })
    expect(kernelLocks(lockfile)).toHaveLength(2)
    expect(await task.info()).toMatchObject({ state: 'running', lockfile })
    expect(await pool.search()).toHaveLength(1)
  },
)

describe('the lock is held until the task has finally ended', () => {
  test('then a successor can start though the supervisor lingers, and a restart by hand is refused', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const first = await pool.spawn({ cmd: 'echo kept', lockfile })
    await first.wait()
    expect(kernelLocks(lockfile)).toEqual([])
    const second = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const refused = { code: 'ERR_BGTASK_LOCK_HELD', holder: { supervisorPid: second.pid } }
    await expect(first.restart()).rejects.toMatchObject(refused)
    // What it kept is still there, and so is how it ended.
    expect(await first.info()).toMatchObject({
      state: 'exited',
      exitStatus: { exitCode: 0 },
      streams: { 1: { endOffset: 5 } },
    })

    await second.stop()
    expect(await first.restart()).toBe(true)
    await first.wait()
    expect(await first.info()).toMatchObject({ state: 'exited', run: 2, failure: null })
  })

  test('through backoff', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'exit 1', lockfile, restart: { on: 'always', delayMs: 60_000 } })
    await task.wait({ run: 1 })
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({ code: 'ERR_BGTASK_LOCK_HELD' })
    await task.stop()
    await expect(pool.spawn({ cmd: 'true', lockfile })).resolves.toBeDefined()
  })
})

describe('a supervisor that was SIGKILLed', () => {
  test('frees the lock at once when no child lives', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'exit 1', lockfile, restart: { on: 'always', delayMs: 60_000 } })
    await task.wait({ run: 1 })
    await killSupervisor(task)
    await expect(pool.spawn({ cmd: 'true', lockfile })).resolves.toBeDefined()
  })

  test('leaves an orphan that still excludes, and is named; when it is stopped, the lock is free', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const { pid: childPid } = await task.info()
    await killSupervisor(task)
    const holder = { supervisorPid: task.pid, childPid, kind: 'orphan' }
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({ code: 'ERR_BGTASK_LOCK_HELD', holder })
    const [lost] = await pool.lost()
    expect(lost?.state).toBe('orphaned')
    expect(await lost?.stop({ steps: KILL })).toEqual([])
    await expect(pool.spawn({ cmd: 'true', lockfile })).resolves.toBeDefined()
  })

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

describe('other programs are excluded, and exclude', () => {
  test.runIf(needs('flock'))('flock(1)', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(await exitCodeOf(pathOf('flock'), ['-n', lockfile, 'true'])).toBe(1)
    await task.stop()
    expect(await exitCodeOf(pathOf('flock'), ['-n', lockfile, 'true'])).toBe(0)

    const holder = await hold(pathOf('flock'), ['-n', '--no-fork', lockfile, 'sh', '-c', 'echo held; exec sleep 1000'])
    const held = { code: 'ERR_BGTASK_LOCK_HELD', holder: { kind: 'flock', pid: holder } }
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject(held)
    // The first of the two locks was given back.
    expect(kernelLocks(lockfile)).toEqual(['FLOCK'])
  })

  test.runIf(needs('perl'))('fcntl locks, as the original in Perl takes them', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(await exitCodeOf(pathOf('perl'), ['-e', TAKE_FCNTL, lockfile, '0'])).toBe(1)
    await task.stop()
    const holder = await hold(pathOf('perl'), ['-e', TAKE_FCNTL, lockfile, '1000'])
    const held = { code: 'ERR_BGTASK_LOCK_HELD', holder: { kind: 'fcntl', pid: holder } }
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject(held)
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

describe('the lock file', () => {
  test('is never unlinked, and emptied when the lock is let go', async () => {
    const lockfile = lockPath()
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const { taskId, pid } = await task.info()
    expect(JSON.parse(readFileSync(lockfile, 'utf8'))).toMatchObject({
      taskId,
      supervisor: { pid: task.pid },
      child: { pid },
    })
    await task.terminateSupervisor()
    expect(existsSync(lockfile)).toBe(true)
    expect(readFileSync(lockfile, 'utf8')).toBe('')
  })

  test.runIf(needs('flock'))("keeps what is not ours: somebody's own file can be the lock", async () => {
    const lockfile = lockPath()
    writeFileSync(lockfile, 'precious\n')
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(kernelLocks(lockfile)).toHaveLength(2)
    await task.terminateSupervisor()
    expect(readFileSync(lockfile, 'utf8')).toBe('precious\n')
  })

  // Somebody who could write to its directory chose which file of the user's was made, locked and written to.
  test('must not be a symbolic link: what that names is neither made nor touched', async () => {
    const pool = makePool()
    const directory = tempDir()
    const [made, empty] = ['made', 'empty'].map((name) => join(directory, name)) as [string, string]
    writeFileSync(empty, '')
    for (const target of [made, empty]) {
      const lockfile = `${target}.lock`
      symlinkSync(target, lockfile)
      await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({
        code: 'ERR_BGTASK_INVALID_OPTION',
        option: 'lockfile',
        message: expect.stringMatching(`symbolic link.*${lockfile}`),
      })
    }
    expect(existsSync(made)).toBe(false)
    expect(readFileSync(empty, 'utf8')).toBe('')
    // A link on the way is the administrator's affair: `/var/lock` is one.
    symlinkSync(directory, `${directory}/way`)
    await pool.spawn({ cmd: 'true', lockfile: join(directory, 'way', 'lock') })
  })

  test('must be a regular file that can be opened', async () => {
    const pool = makePool()
    const directory = tempDir()
    const device = join(directory, 'device')
    symlinkSync('/dev/null', device)
    for (const lockfile of [directory, device, join(directory, 'missing', 'lock')]) {
      const wrong = { code: 'ERR_BGTASK_INVALID_OPTION', option: 'lockfile' }
      await expect(pool.spawn({ cmd: 'true', lockfile }), lockfile).rejects.toMatchObject(wrong)
    }
    expect(await pool.search()).toEqual([])
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

async function exitCodeOf(program: string, args: string[]): Promise<number> {
  const [code] = await once(spawn(program, args, { stdio: 'ignore' }), 'exit')
  return code
}
