import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
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
import { Task } from '@bgtask/client'
import { socketFileName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import { encode } from '@bgtask/protocol/rpc'
import { eventually, isAlive, needs, pathOf, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { fullDirectory } from './support/broken-directory.js'
import { endAfterTest, fixture, logOf, makePool, recordOf, supervisorCmd } from './support/pool.js'
import { plainSpec } from './support/spec.js'

// Whoever may write to a pool's directory can put anything under any name there, at any moment.

/** Does something as soon as a file of that name appears. */
function whenNamed(pool: TaskPool, name: RegExp, act: (path: string) => void): void {
  const watcher = watch(pool.path, (_, file) => {
    if (!name.test(file ?? '')) return
    watcher.close()
    act(join(pool.path, file ?? ''))
  })
  onTestFinished(() => watcher.close())
}

// Its mode and group were set by path, and so those of a file that the link named.
test('a link in place of the socket that is being made changes nothing of the file that it names', async () => {
  const victim = join(tempDir(), 'private')
  writeFileSync(victim, 'secret')
  chmodSync(victim, 0o600)
  const pool = makePool({
    supervisorCmd: supervisorCmd(fixture('swapped-socket.js')),
    supervisorEnv: { VICTIM: victim },
    access: { mode: 0o666 },
  })
  await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject({ code: 'ERR_BGTASK_LAUNCH' })
  expect((statSync(victim).mode & 0o777).toString(8)).toBe('600')
  expect(readFileSync(victim, 'utf8')).toBe('secret')
})

// The log was opened a second time, by its name, for stdout and stderr, and the open of a FIFO waits for its reader.
test('a FIFO in place of the log holds nothing up', async () => {
  const pool = makePool()
  whenNamed(pool, /^\d+\.out$/, (path) => {
    rmSync(path)
    execFileSync('mkfifo', [path])
  })
  const task = await pool.spawn({ cmd: 'echo x; exit 3' })
  expect(lstatSync(pool.outputPath(task.pid)).isFIFO()).toBe(true)
  expect(await task.wait({ timeoutMs: 5_000 })).toMatchObject({ exitCode: 3 })
  // What stands in the log's place is not the supervisor's to remove.
  await task.terminateSupervisor()
  expect(readdirSync(pool.path)).toEqual([`${task.pid}.out`])
})

test('the log is that of the supervisor under its name, also for what comes after the launch', async () => {
  const pool = makePool({ supervisorEnv: { BGTASK_DEBUG: '1' } })
  const task = await pool.spawn({ cmd: 'exit 3' })
  await task.wait()
  expect(logOf(task)).toMatch(/run 1: started .*\n.*run 1 ended/)
})

// Records were written to, and files removed from, whatever directory the path named by then.
test('a directory that takes the place of the pool gets nothing from, and loses nothing to, a task that runs', async () => {
  const pool = makePool()
  const task = endAfterTest(await pool.spawn({ cmd: 'sleep 1000' }))
  const { taskId } = await task.info()
  const moved = `${pool.path}-moved`
  renameSync(pool.path, moved)
  mkdirSync(pool.path)
  onTestFinished(() => rmSync(moved, { recursive: true }))
  const log = join(pool.path, `${task.pid}.out`)
  writeFileSync(log, 'of somebody else')
  await task.applyMeta({ step: 2 })
  expect(readdirSync(pool.path)).toEqual([`${task.pid}.out`])
  expect(JSON.parse(readFileSync(join(moved, `${task.pid}.${taskId}.json`), 'utf8')).info.meta).toEqual({ step: 2 })
  await task.terminateSupervisor()
  expect(readdirSync(moved)).toEqual([])
  expect(readFileSync(log, 'utf8')).toBe('of somebody else')
})

// Each new record was written under one and the same name first: a directory there kept it from being replaced for good, and
// at the end also from being removed, so that a task that had ended in order was reported as lost.
test('what others put under the names of records that were being made keeps no record from being replaced or removed', async () => {
  const pool = makePool()
  const task = endAfterTest(await pool.spawn({ cmd: 'sleep 1000' }))
  const { taskId } = await task.info()
  const seen = new Set<string>()
  const watcher = watch(pool.path, (_, name) => void (name?.startsWith('.') && seen.add(name)))
  await task.applyMeta({ step: 1 })
  await eventually(() => seen.size > 0)
  watcher.close()
  seen.add(`.${task.pid}.${taskId}.json`)
  // Not even root can remove it by `unlink`.
  for (const name of seen) mkdirSync(join(pool.path, name, 'full'), { recursive: true })
  expect(await task.applyMeta({ step: 2 })).toEqual({ step: 2 })
  expect((await recordOf(task)).info.meta).toEqual({ step: 2 })
  await task.terminateSupervisor()
  expect(readdirSync(pool.path).sort()).toEqual([...seen].sort())
  expect(await pool.lost()).toEqual([])
})

describe.runIf(needs('root', 'unshare'))('two supervisors with the same pid, in pid namespaces of their own', () => {
  /** Pid 1 of a new namespace. */
  function startFirst(poolPath: string, exec: string[]): ChildProcess {
    const argv = ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, daemonPath()]
    const daemon = spawn(pathOf('unshare'), argv, { stdio: ['pipe', 'ignore', 'pipe'] })
    onTestFinished(() => void daemon.kill('SIGKILL'))
    const taskId = Math.random().toString(16).slice(2).padEnd(32, '0')
    daemon.stdin?.end(encode({ ...plainSpec(poolPath, exec), taskId }))
    return daemon
  }

  /** The first line that it says; `unshare` keeps stderr open beyond that. */
  async function wordsOf({ stderr }: ChildProcess): Promise<string> {
    let words = ''
    for await (const chunk of stderr as NonNullable<typeof stderr>) {
      words += chunk
      if (words.includes('\n')) break
    }
    return words
  }

  // The second one's rename took the name of the first one's socket: its task was reached, and ended, instead.
  test('the second one starts nothing and takes nothing of the first', async () => {
    const pool = makePool()
    const first = startFirst(pool.path, ['sleep', '1000'])
    expect(await wordsOf(first)).toBe('DAEMON_PID=1\n')
    const task = Task.at(join(pool.path, socketFileName(1)))
    const before = await task.info()
    const files = readdirSync(pool.path)
    const ran = join(tempDir(), 'ran')
    const second = startFirst(pool.path, ['touch', ran])
    const words = await wordsOf(second)
    expect(words).toMatch(/^BGTASK_ERROR=\{"code":"NAME_TAKEN",.*1\.sock/)
    expect(existsSync(ran)).toBe(false)
    expect(readdirSync(pool.path)).toEqual(files)
    task.disconnect()
    expect(await task.info()).toEqual(before)
    await task.terminateSupervisor()
    expect(readdirSync(pool.path)).toEqual([])
  })

  test('what the first one left when it was killed is no obstacle', async () => {
    const pool = makePool()
    const first = startFirst(pool.path, ['sleep', '1000'])
    await wordsOf(first)
    first.kill('SIGKILL')
    await eventually(() => !isAlive(first.pid ?? 0))
    const second = startFirst(pool.path, ['sleep', '1000'])
    expect(await wordsOf(second)).toBe('DAEMON_PID=1\n')
    const task = Task.at(join(pool.path, socketFileName(1)))
    expect((await task.info()).state).toBe('running')
    await task.terminateSupervisor()
  })
})

test.runIf(needs('root'))('a restart that cannot be put on record leaves an orphan that is reported', async () => {
  const pool = makePool()
  const broken = fullDirectory(pool.path)
  const cwd = tempDir()
  const task = endAfterTest(await pool.spawn({ cmd: '[ -e again ] && exec sleep 1000; touch again', cwd }))
  await task.wait()
  const before = await recordOf(task)
  broken.begin()
  expect(await task.restart()).toBe(true)
  const { pid } = await task.info()
  process.kill(task.pid, 'SIGKILL')
  await eventually(() => !isAlive(task.pid))
  const [lost] = await pool.lost()
  expect(lost?.record).toEqual(before)
  expect(lost?.state).toBe('orphaned')
  expect(await lost?.stop({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })).toEqual([])
  expect(isAlive(pid ?? 0)).toBe(false)
  expect(lost?.state).toBe('lost')
})
