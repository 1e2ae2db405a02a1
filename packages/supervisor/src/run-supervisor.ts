import { isRunning, readProcessStat } from '@bgtask/os'
import type { Behavior } from '@bgtask/protocol'
import { takeInheritedPipes } from './child/pipes.js'
import { launch } from './launch/launch.js'
import type { MadeTask } from './launch/make-task.js'
import { reportFailure } from './launch/report.js'
import { readSpec } from './launch/spec.js'
import { onEndingSignal } from './signals.js'
import type { SupervisorOptions } from './supervisor-options.js'
import { SOFTWARE } from './version.js'

/** Interval between polls of a background supervisor for the end of its group's leader, which the kernel does not report. */
const LEADER_POLL_INTERVAL_MS = 1_000

/** The exit code of an orderly end after something in the supervisor itself went wrong, as in sysexits.h. */
const EX_SOFTWARE = 70

/**
 * The main function of a supervisor: reads the launch spec from stdin, makes the task, reports, and serves until it is
 * terminated. Never returns to a caller that has anything left to do: the process is the supervisor's.
 */
export async function runSupervisor(options: SupervisorOptions = {}): Promise<void> {
  const pipes = takeInheritedPipes()
  const making = { software: SOFTWARE, ...options }
  // So that no file system is kept busy by a task that does not use it, or by a standby.
  process.chdir('/')
  try {
    const given = readSpec()
    // stdin ended without a spec: the launcher is gone.
    if (given === undefined) process.exit(0)
    // Before anything is made: a signal in the middle of the launch must not leave half of it.
    const asked = whenAskedToEnd(given.spec.behavior)
    const task = await launch(given, pipes, making)
    handleBugs(task)
    task.log.write(`${await asked}: terminating`)
    await task.terminate()
  } catch (error) {
    reportFailure(error)
    process.exit(1)
  }
}

/** Resolves with the reason when a signal, or the end of its process group's leader, asks the supervisor to go. */
function whenAskedToEnd(behavior: Behavior): Promise<string> {
  return new Promise((resolve) => {
    onEndingSignal(behavior, resolve)
    if (behavior === 'background') whenLeaderGone(() => resolve('the process group has lost its leader'))
  })
}

/** A job whose shell is gone ends too. Without a leader at launch (`true | node app`) there is no end to wait for. */
function whenLeaderGone(onGone: () => void): void {
  const leader = readProcessStat(readProcessStat(process.pid)?.pgrp ?? 0)
  if (leader === undefined || !isRunning(leader.pid, leader.startTime)) return
  const timer = setInterval(() => {
    if (isRunning(leader.pid, leader.startTime)) return
    clearInterval(timer)
    onGone()
  }, LEADER_POLL_INTERVAL_MS)
}

/** A bug must not leave a child without supervisor: log it, and end both in order. */
function handleBugs(task: MadeTask): void {
  process.on('uncaughtException', (error) => {
    task.log.write(`uncaught: ${error.stack ?? String(error)}`)
    process.exitCode = EX_SOFTWARE
    void task.terminate()
  })
}
