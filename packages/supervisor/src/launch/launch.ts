import { setTimeout as delay } from 'node:timers/promises'
import type { StdioPipes } from '../child/pipes.js'
import type { TaskServer } from '../server/server.js'
import type { Mirror } from '../streams/mirror.js'
import { type MadeTask, type MakeOptions, makeTask } from './make-task.js'
import { reportReady } from './report.js'
import type { GivenSpec } from './spec.js'
import { releaseStdio } from './stdio.js'

/** How long (ms) a supervisor that is to go waits for the caller to take the last output in the foreground. */
const FAREWELL_MS = 5_000

/**
 * Makes a task from a spec and reports to the launcher. After that no descriptor of the launcher is held except, in the
 * foreground, the stdout and stderr that show the task's output. A failure undoes all steps.
 */
export async function launch(given: GivenSpec, pipes: StdioPipes | undefined, options: MakeOptions): Promise<MadeTask> {
  const mirrors: Mirror[] = []
  const task = await makeTask(given, pipes, options, (server) => leave(server, mirrors))
  try {
    reportReady()
  } catch (error) {
    await task.undo()
    throw error
  }
  releaseStdio(task.logFile, task.log)
  if (given.spec.behavior === 'foreground') {
    const { stdout, stderr } = task.supervisor.streams
    mirrors.push(stdout.mirrorTo(process.stdout), stderr.mirrorTo(process.stderr))
  }
  return task
}

/** Resolves when clients and the caller have got what they wait for, or had the time. */
async function leave(server: TaskServer, mirrors: readonly Mirror[]): Promise<void> {
  await server.linger()
  await Promise.race([Promise.all(mirrors.map((mirror) => mirror.flushed())), delay(FAREWELL_MS)])
}
