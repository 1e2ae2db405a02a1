import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { socketFileName } from '@bgtask/os'
import { encode } from '@bgtask/protocol/rpc'
import { eventually, isAlive, needs, pathOf, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { fullDirectory } from './support/broken-directory.js'
import { endAfterTest, logOf, makePool, recordOf } from './support/pool.js'
import { plainSpec } from './support/spec.js'

test('the log is that of the supervisor under its name, also for what comes after the launch', async () => {
  const pool = makePool({ supervisorEnv: { BGTASK_DEBUG: '1' } })
  const task = await pool.spawn({ cmd: 'exit 3' })
  await task.wait()
  expect(logOf(task)).toMatch(/run 1: started .*\n.*run 1 ended/)
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
    // Another process has that pid here, whose end was waited for.
    await task.terminateSupervisor({ timeoutMs: 4_000 })
    expect(readdirSync(pool.path)).toEqual([])
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
