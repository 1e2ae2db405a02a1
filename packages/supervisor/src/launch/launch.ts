import { existsSync } from 'node:fs'
import { type LaunchSpec, PlatformError, RemoteError } from '@bgtask/protocol'
import { InfoMaker } from '../info.js'
import { Lock } from '../lock/lock.js'
import { Log } from '../log.js'
import { RecordFile } from '../record.js'
import { TaskServer } from '../server/server.js'
import { closeQuietly, type StdioPipes } from '../streams/pipes.js'
import { Supervisor } from '../supervisor.js'
import { reportReady } from './report.js'
import { openLog, releaseStdio, removeLog } from './stdio.js'

/** What makes a supervisor a particular one. */
export interface SupervisorOptions {
  /** Name and version, told in `hello` and info. */
  readonly software?: string
  /** Further keys for info and record; called for each, so it must be cheap. What the contract names cannot be replaced. */
  readonly info?: () => Record<string, unknown>
}

/** A launched task and the way to end it. */
export interface LaunchedTask {
  readonly supervisor: Supervisor
  readonly log: Log
  /** Ends the task, its traces in the directory, and this process. */
  terminate(steps?: LaunchSpec['stop']): ReturnType<Supervisor['terminate']>
}

/** Ends a half-made task at once: nobody was told of it. */
const UNDO_STEPS = [{ killSignal: 'SIGKILL', waitMs: 2_000 }]

/**
 * Makes a task of a spec: lock, log, socket, child, record, name of the socket, ready line, in that order. Whatever fails
 * undoes what was there before it.
 */
export async function launch(
  spec: LaunchSpec,
  pipes: StdioPipes | undefined,
  { software, info = () => ({}) }: Required<Pick<SupervisorOptions, 'software'>> & SupervisorOptions,
): Promise<LaunchedTask> {
  checkPlatform()
  const traces: (() => void)[] = []
  const removeTraces = () => {
    // A directory that is gone or read-only must not keep the rest, or this process, from going.
    for (const remove of traces) attempt(remove)
  }
  let supervisor: Supervisor | undefined
  try {
    const lock = spec.lockfile === null ? undefined : new Lock(spec.lockfile, spec.taskId)
    traces.unshift(() => lock?.release())
    const logFd = openLog(spec)
    traces.unshift(() => removeLog(spec))
    const log = new Log(logFd)
    const server = new TaskServer(spec.poolPath, log)
    traces.unshift(() => server.unpublish())
    await server.listen(spec.access)

    const recordFile = new RecordFile(spec.poolPath, spec.taskId, spec.access)
    const made = new Supervisor({ spec, log, lock, pipes, record: () => recordFile.write(infoMaker.record()) })
    const infoMaker = new InfoMaker(made, software, info)
    supervisor = made
    let survived = false
    traces.unshift(() => survived || recordFile.remove())
    await made.start()
    if (!existsSync(recordFile.path)) throw new RemoteError('NOT_RECORDED', `cannot write ${recordFile.path}`)

    let terminations = 0
    const terminate = async (steps?: LaunchSpec['stop']) => {
      terminations += 1
      try {
        const result = await made.terminate(steps)
        survived = result.survivors.length > 0
        return result
      } finally {
        removeTraces()
        terminations -= 1
        // Whoever terminated with other steps at the same time is to get an answer too.
        if (terminations === 0) void server.linger().then(() => process.exit())
      }
    }
    server.serve({ supervisor: made, infoMaker, software, clientCount: () => server.clientCount, terminate })
    server.publish()
    reportReady()
    releaseStdio(spec, log)
    if (logFd > 2) closeQuietly(logFd)
    return { supervisor: made, log, terminate }
  } catch (error) {
    await supervisor?.terminate(UNDO_STEPS).catch(() => {})
    removeTraces()
    throw error
  }
}

function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // There is nobody to tell who could do anything about it.
  }
}

function checkPlatform(): void {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new PlatformError('a supervisor')
  }
}
