import { isRunning, readProcessStat } from '@bgtask/protocol'
import { type LaunchedTask, launch, type SupervisorOptions } from './launch/launch.js'
import { reportFailure } from './launch/report.js'
import { readSpec } from './launch/spec.js'
import { takeInheritedPipes } from './streams/pipes.js'
import { SOFTWARE } from './version.js'

/** How often a background supervisor looks whether its group's leader is still there; nothing tells it. */
const LEADER_LOOK_MS = 1_000

/** The exit code of an orderly end after something in the supervisor itself went wrong, as in sysexits.h. */
const EX_SOFTWARE = 70

/**
 * The main function of a supervisor: reads the launch spec from stdin, makes the task, reports, and serves until it is
 * terminated. Never returns to a caller that has anything left to do: the process is the supervisor's.
 */
export async function runSupervisor(options: SupervisorOptions = {}): Promise<void> {
  const pipes = takeInheritedPipes()
  try {
    const spec = readSpec()
    // stdin ended without a spec: the one that might have wanted this supervisor is gone.
    if (spec === undefined) process.exit(0)
    const leader = spec.behavior === 'background' ? groupLeader() : undefined
    // So that no file system is kept busy by a task that does not use it.
    process.chdir('/')
    const task = await launch(spec, pipes, { software: SOFTWARE, ...options })
    handleSignals(task, spec.behavior === 'daemon')
    handleBugs(task)
    if (leader !== undefined) endWith(leader, task)
  } catch (error) {
    reportFailure(error)
    process.exit(1)
  }
}

/** A daemon has no terminal whose end would concern it. */
function handleSignals(task: LaunchedTask, isDaemon: boolean): void {
  const terminate = (signal: string) => {
    task.log.write(`${signal}: terminating`)
    void task.terminate()
  }
  process.on('SIGTERM', terminate)
  process.on('SIGINT', terminate)
  process.on('SIGHUP', isDaemon ? () => {} : terminate)
  // Node would open its inspector to whoever can connect.
  process.on('SIGUSR1', () => {})
}

/** A bug must not leave a child without supervisor: say what it was, and end both in order. */
function handleBugs(task: LaunchedTask): void {
  process.on('uncaughtException', (error) => {
    task.log.write(`uncaught: ${error.stack ?? String(error)}`)
    process.exitCode = EX_SOFTWARE
    void task.terminate()
  })
}

function groupLeader(): { pid: number; startTime: number } | undefined {
  const own = readProcessStat(process.pid)
  return own === undefined ? undefined : readProcessStat(own.pgrp)
}

/** A job whose shell is gone ends too. Where there was no leader at launch (`true | node app`) there is nobody to miss. */
function endWith(leader: { pid: number; startTime: number }, task: LaunchedTask): void {
  const timer = setInterval(() => {
    if (isRunning(leader.pid, leader.startTime)) return
    clearInterval(timer)
    task.log.write(`process group leader ${leader.pid} is gone: terminating`)
    void task.terminate()
  }, LEADER_LOOK_MS)
}
