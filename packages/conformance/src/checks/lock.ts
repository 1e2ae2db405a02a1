import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, watch, writeFileSync } from 'node:fs'
import type { Bench } from '../bench.js'
import { type Check, full, Skipped, should } from '../check.js'
import { isAlive } from '../processes.js'
import { SLEEP } from '../spec.js'
import { until, within } from '../waiting.js'

export const lockChecks: readonly Check[] = [
  full('a second task with the same lock file is refused before it makes anything', 'L-60 L-61', async (bench) => {
    const lockfile = bench.beside('lock')
    await bench.spawn({ exec: SLEEP, lockfile })
    const made: unknown[] = []
    const watcher = watch(bench.path, (_, name) => made.push(name))
    bench.after(() => watcher.close())
    await refused(bench, lockfile)
    await new Promise(setImmediate)
    assert.deepEqual(made, [], 'files in the directory')
  }),

  should(
    full('the launch error names the lock and its holder', 'L-35', async (bench) => {
      const lockfile = bench.beside('lock')
      const { pid } = await bench.spawn({ exec: SLEEP, lockfile })
      const error = await bench.spawn({ exec: SLEEP, lockfile }).catch((failure) => failure)
      const { code, holder } = error
      assert.deepEqual(
        { code, supervisorPid: holder?.supervisorPid },
        { code: 'ERR_BGTASK_LOCK_HELD', supervisorPid: pid },
      )
    }),
  ),

  full('the lock excludes holders of flock(2), and is excluded by them', 'L-61', async (bench) => {
    const lockfile = bench.beside('lock')
    needsFlock()
    const holder = await holds(bench, ['flock', lockfile, 'sh', '-c', 'echo held; exec sleep 1000'])
    await refused(bench, lockfile)
    await release(holder)
    await bench.spawn({ exec: SLEEP, lockfile })
    assert.equal(isFree(lockfile), false, 'flock -n could lock it')
  }),

  full('the lock excludes holders of fcntl(2) locks, and is excluded by them', 'L-61', async (bench) => {
    const lockfile = bench.beside('lock')
    const python = ['/usr/bin/python3', 'python3'].find((path) => spawnSync(path, ['-c', 'import fcntl']).status === 0)
    if (python === undefined) throw new Skipped('needs python3 to take such a lock')
    const lock = `import fcntl,sys,time; f=open(sys.argv[1],"a+"); fcntl.lockf(f, fcntl.LOCK_EX|fcntl.LOCK_NB)`
    const holder = await holds(bench, [python, '-c', `${lock}; print("held", flush=True); time.sleep(1000)`, lockfile])
    await refused(bench, lockfile)
    await release(holder)
    await bench.spawn({ exec: SLEEP, lockfile })
    assert.notEqual(spawnSync(python, ['-c', lock, lockfile]).status, 0, 'fcntl could lock it')
  }),

  full('the lock ends with a killed supervisor, while the child continues', 'L-62', async (bench) => {
    const lockfile = bench.beside('lock')
    needsFlock()
    const client = await bench.task({ exec: SLEEP, lockfile })
    const { supervisorPid, pid } = await client.info()
    process.kill(supervisorPid, 'SIGKILL')
    await until(() => !isAlive(supervisorPid), 'the supervisor is dead')
    // Not at once: a process is a zombie before its last thread has closed its files.
    await until(() => isFree(lockfile), 'the lock, which the child seems to have inherited, is free')
    assert.ok(isAlive(pid ?? 0), 'the child did not outlive its supervisor')
    process.kill(pid ?? 0, 'SIGKILL')
    await until(() => !isAlive(pid ?? 0), 'the child is dead')
    await bench.spawn({ exec: SLEEP, lockfile })
  }),

  full('the lock is held until the final exit, and restart takes it again', 'L-63', async (bench) => {
    const lockfile = bench.beside('lock')
    needsFlock()
    const client = await bench.task({
      cmd: 'exit 1',
      lockfile,
      restart: { on: 'failure', delayMs: 100_000, maxDelayMs: 100_000 },
    })
    await until(async () => (await client.info()).state === 'backoff', 'state backoff')
    assert.equal(isFree(lockfile), false, 'it is free while a restart is pending')
    await client.call('stop')
    assert.equal(isFree(lockfile), true, 'it is held after the final exit')
    const holder = await holds(bench, ['flock', lockfile, 'sh', '-c', 'echo held; exec sleep 1000'])
    assert.equal((await client.failure('restart')).code, 'ERR_BGTASK_LOCK_HELD')
    await release(holder)
    assert.equal((await client.call('restart')).restarted, true)
  }),

  full('foreign text in a lock file is kept, and a lock file must be a regular file', 'L-64', async (bench) => {
    const lockfile = bench.beside('precious')
    writeFileSync(lockfile, 'precious')
    const client = await bench.task({ exec: SLEEP, lockfile })
    assert.equal(readFileSync(lockfile, 'utf8'), 'precious')
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.equal(readFileSync(lockfile, 'utf8'), 'precious')
    mkdirSync(bench.beside('directory'))
    spawnSync('mkfifo', [bench.beside('fifo')])
    for (const unfit of ['directory', 'fifo']) await refused(bench, bench.beside(unfit))
  }),

  full('a symbolic link as lock file is refused, and its target is not created', 'L-71', async (bench) => {
    const [lockfile, target] = [bench.beside('link'), bench.beside('target')]
    symlinkSync(target, lockfile)
    await refused(bench, lockfile)
    assert.equal(existsSync(target), false, 'the file that the link names was made')
  }),

  should(
    full(
      'the lock file names supervisor and child while the lock is held, and is then truncated',
      'L-65',
      async (bench) => {
        const lockfile = bench.beside('lock')
        const client = await bench.task({ exec: SLEEP, lockfile })
        const { supervisorPid, pid, taskId } = await client.info()
        const note = JSON.parse(readFileSync(lockfile, 'utf8'))
        assert.deepEqual(
          [note.bgtask, note.taskId, note.supervisor?.pid, note.child?.pid],
          [1, taskId, supervisorPid, pid],
          'bgtask, taskId and the pids in the lock file',
        )
        for (const identity of [note.supervisor, note.child])
          assert.deepEqual(
            Object.keys(identity)
              .filter((key) => key !== 'timeNamespace')
              .sort(),
            ['bootId', 'machineId', 'pid', 'pidNamespace', 'startTime'],
            'keys of an identity in the lock file',
          )
        await client.call('stop')
        assert.equal(readFileSync(lockfile, 'utf8').trim(), '', 'text in the lock file after its release')
        await client.call('restart')
        const { child } = JSON.parse(readFileSync(lockfile, 'utf8'))
        assert.equal(child?.pid, (await client.info()).pid, 'pid of the child in the lock file after a restart')
      },
    ),
  ),

  should(
    full('the running child of a killed supervisor still excludes other tasks', 'L-65', async (bench) => {
      const lockfile = bench.beside('lock')
      const { supervisorPid } = await (await bench.task({ exec: SLEEP, lockfile })).info()
      process.kill(supervisorPid, 'SIGKILL')
      await until(() => !isAlive(supervisorPid), 'the supervisor is dead')
      await refused(bench, lockfile)
    }),
  ),
]

async function refused(bench: Bench, lockfile: string): Promise<void> {
  const outcome = await bench.spawn({ exec: SLEEP, lockfile }).then(
    (task) => `the launch succeeded (supervisor ${task.pid})`,
    () => undefined,
  )
  assert.equal(outcome, undefined, `${outcome}, though ${lockfile} is held or unfit`)
}

function needsFlock(): void {
  if (spawnSync('flock', ['--version']).error !== undefined) throw new Skipped('needs the program flock')
}

function isFree(lockfile: string): boolean {
  return spawnSync('flock', ['-n', lockfile, 'true']).status === 0
}

/** A program that says when it holds the lock, in a group of its own. */
async function holds(bench: Bench, [program = '', ...args]: string[]): Promise<ChildProcess> {
  const holder = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  bench.after(() => end(holder))
  if (holder.stdout === null) throw new Error(`${program} cannot be started`)
  await within(once(holder.stdout, 'data'), `${program} holds the lock`)
  return holder
}

async function release(holder: ChildProcess): Promise<void> {
  const gone = once(holder, 'close')
  end(holder)
  await within(gone, 'the holder is gone')
}

function end({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid as number), 'SIGKILL')
  } catch {
    // Gone already.
  }
}
