import { spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { eventually, isAlive, needs, pathOf, processFds, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { callerCommand, runCaller, taskOf } from '../support/callers.js'
import { expectNothingLeft, locksOn, processesOf } from '../support/pools.js'
import { startProgram } from '../support/programs.js'

const BEHAVIORS = ['foreground', 'background', 'daemon'] as const

/** Echoes, so that it can be asked whether it is still there. */
const JOB = { cmd: 'cat' }

const ZOMBIE_LEADER = join(import.meta.dirname, '../fixtures/zombie-leader.pl')

describe.for(BEHAVIORS)('%s', (behavior) => {
  test('parent, session and group of the supervisor', async () => {
    const path = tempDir()
    const { pid, infos } = await runCaller({ pool: { path }, tasks: [{ ...JOB, behavior }], stay: true })
    const [caller, supervisor] = [processStat(pid), processStat(infos?.[0]?.supervisorPid ?? 0)]
    const job = processStat(infos?.[0]?.pid ?? 0)
    expect({
      parent: supervisor?.ppid === pid ? 'caller' : supervisor?.ppid === adopter() ? 'init' : supervisor?.ppid,
      session: supervisor?.session === caller?.session ? "caller's" : 'own',
      group: supervisor?.pgrp === caller?.pgrp ? "caller's" : 'own',
    }).toEqual(
      {
        foreground: { parent: 'caller', session: "caller's", group: "caller's" },
        background: { parent: 'init', session: "caller's", group: "caller's" },
        daemon: { parent: 'init', session: 'own', group: 'own' },
      }[behavior],
    )
    // The job leads a session of its own in any case.
    expect(job).toMatchObject({ ppid: supervisor?.pid, session: job?.pid, pgrp: job?.pid, tty: 0 })
  })

  test('the log of the supervisor', async () => {
    const path = tempDir()
    const options = { pool: { path, supervisorEnv: { BGTASK_DEBUG: '1' } }, tasks: [{ ...JOB, behavior }], stay: true }
    const terminal = join(tempDir(), 'terminal')
    const { infos } = await runCaller(options, { stderr: openSync(terminal, 'w') })
    const { supervisorPid = 0 } = infos?.[0] ?? {}
    const fds = processFds(supervisorPid)
    const log = join(path, `${supervisorPid}.out`)
    if (behavior === 'foreground') {
      // By way of the caller, so that a terminal that takes nothing does not hold it up.
      await eventually(() => readFileSync(terminal, 'utf8').includes(`[${supervisorPid}]`))
      expect(existsSync(log)).toBe(false)
    } else {
      expect([fds.get(1), fds.get(2)]).toEqual([log, log])
      expect(readFileSync(log, 'utf8')).toContain(String(supervisorPid))
    }
  })

  test('the task after the caller is killed', async () => {
    const path = tempDir()
    const { caller, infos } = await runCaller({ pool: { path }, tasks: [{ ...JOB, behavior }], stay: true })
    caller.process.kill('SIGKILL')
    await caller.exited
    const task = taskOf(path, infos?.[0])
    // The caller led its group: a group without its leader is over, and a background task with it.
    if (behavior === 'background') await expectEnd(path, task)
    else await expectStillThere(task)
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    "the task after the caller's process group gets %s",
    async (signal) => {
      const path = tempDir()
      const { caller, pid, infos } = await runCaller({ pool: { path }, tasks: [{ ...JOB, behavior }], stay: true })
      const task = taskOf(path, infos?.[0])
      await task.connect()
      process.kill(-pid, signal)
      await caller.exited
      if (behavior === 'daemon') await expectStillThere(task)
      else await expectEnd(path, task)
    },
  )

  describe.runIf(needs('script'))('from a terminal', () => {
    test.for(['is closed', 'gets ^C'])('the task after the terminal %s', async (what) => {
      const path = tempDir()
      const { argv, report } = callerCommand({ pool: { path }, tasks: [{ ...JOB, behavior }], stay: true })
      const terminal = openTerminal(argv)
      const { pid, infos } = await report()
      const task = taskOf(path, infos?.[0])
      await task.connect()
      const tty = processStat(pid)?.tty
      expect(tty).toBeGreaterThan(0)
      expect(processStat(task.pid)?.tty).toBe(behavior === 'daemon' ? 0 : tty)
      if (what === 'gets ^C') terminal.process.stdin.write('\x03')
      else terminal.process.kill('SIGKILL')
      await eventually(() => !isAlive(pid))
      if (behavior === 'daemon') await expectStillThere(task)
      else await expectEnd(path, task)
    })
  })
})

test('a background task keeps running if its caller ends and the group continues', async () => {
  const path = tempDir()
  const { argv, report } = callerCommand({ pool: { path }, tasks: [{ ...JOB, behavior: 'background' }] })
  // The shell leads the group, its child calls.
  const shell = startProgram(['sh', '-c', '"$@"; cat', 'sh', ...argv])
  const { pid, infos } = await report()
  await eventually(() => !isAlive(pid))
  const task = taskOf(path, infos?.[0])
  await expectStillThere(task)
  // With the end of the shell, the job of the shell ends.
  shell.process.stdin.end()
  await shell.exited
  await expectEnd(path, task)
})

/** `true`, which leads the group, has exited before the task starts: there is no leader to end with. */
describe("from a pipeline, 'true | node app', whose first program leads the group", () => {
  test.runIf(needs('perl', 'script')).for(['gone', 'a zombie'])(
    'a background task goes on where the leader is %s',
    async (leader) => {
      const path = tempDir()
      // Longer than it takes the supervisor to look for its group's leader twice.
      const tasks = [{ cmd: 'sleep 2.2; echo still here; cat', behavior: 'background' as const }]
      const caller = callerCommand({ pool: { path }, tasks })
      // Shells have jobs, and so groups, where they have a terminal; they reap, so one that does not is needed too.
      if (leader === 'gone') openTerminal(['sh', '-c', 'set -m; true | "$@"; cat', 'sh', ...caller.argv])
      else startProgram(['perl', ZOMBIE_LEADER, ...caller.argv])
      const { infos } = await caller.report()
      const task = taskOf(path, infos?.[0])
      const group = processStat(task.pid)?.pgrp ?? 0
      // Over, but a shell on a busy machine may not have reaped it yet.
      await eventually(() => processStat(group)?.state === (leader === 'gone' ? undefined : 'Z'))
      expect((await task.stdout.waitFor('still here\n'))?.text).toBe('still here\n')
      await expectStillThere(task)
    },
  )
})

describe('as cron starts it', () => {
  test.for([
    { fds: 'output in a file', redirect: '<&3 >>"$0" 2>&1 3<&-' },
    { fds: 'all descriptors closed', redirect: '<&- >&- 2>&- 3<&-' },
  ])('an empty environment, no terminal, stdin at its end, $fds', async ({ redirect }) => {
    const path = tempDir()
    const lockfile = join(tempDir(), 'the.lock')
    const { argv, report } = callerCommand({ pool: { path }, tasks: [{ cmd: 'env; echo ready; cat', lockfile }] })
    const script = `exec 3</dev/null; exec "$@" ${redirect}`
    const program = startProgram(['env', '-i', '/bin/sh', '-c', script, join(tempDir(), 'mail'), ...argv])
    expect(await program.exited).toEqual([0, null])
    const { infos } = await report()
    const task = taskOf(path, infos?.[0])
    await expectStillThere(task)
    expect(String((await task.stdout.read({ from: 0 })).data)).not.toMatch(/^HOME=/m)
    const kinds = needs('flock') ? ['OFDLCK', 'FLOCK'] : ['OFDLCK']
    expect(locksOn(lockfile).map((line) => line.split(/\s+/)[1])).toEqual(expect.arrayContaining(kinds))
    await task.terminateSupervisor()
    expectNothingLeft(path, lockfile)
  })
})

/** Its job answers, and so does it. */
async function expectStillThere(task: Task): Promise<void> {
  await task.stdin.write('are you there?\n')
  expect(await task.stdout.waitFor('are you there?\n', { timeoutMs: 10_000 })).toBeDefined()
  expect(await task.info()).toMatchObject({ state: 'running', supervisorPid: task.pid })
}

/** It ends in order, by itself. */
async function expectEnd(path: string, task: Task): Promise<void> {
  await eventually(() => processesOf(path).length === 0, { what: `supervisor ${task.pid} and its job end` })
  expectNothingLeft(path)
}

/** A program that owns a terminal. Its stdin is the keyboard. */
function openTerminal([...argv]: string[]) {
  const quoted = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  return startProgram([pathOf('script'), '-qfec', `exec ${quoted}`, '/dev/null'])
}

/** Who adopts orphans here: init, or a subreaper above us. */
function adopter(): number {
  const { stdout } = spawnSync('sh', ['-c', 'sleep 60 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' })
  const orphan = Number(stdout)
  const { ppid = 0 } = processStat(orphan) ?? {}
  process.kill(orphan, 'SIGKILL')
  return ppid
}
