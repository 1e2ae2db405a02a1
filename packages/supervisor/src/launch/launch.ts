import type { LaunchSpec } from '@bgtask/protocol'
import type { StdioPipes } from '../streams/pipes.js'
import { type MadeTask, type MakeOptions, makeTask } from './make-task.js'
import { reportReady } from './report.js'
import { releaseStdio } from './stdio.js'

/** Makes a task of a spec and tells the launcher; afterwards nothing of the launcher's is held. Whatever fails undoes it all. */
export async function launch(spec: LaunchSpec, pipes: StdioPipes | undefined, options: MakeOptions): Promise<MadeTask> {
  const task = await makeTask(spec, pipes, options, (server) => void server.linger().then(() => process.exit()))
  try {
    reportReady()
  } catch (error) {
    await task.undo()
    throw error
  }
  releaseStdio(task.logFile, task.log)
  return task
}
