import { HeldDirectory } from '@bgtask/os'
import { type LaunchSpec, PlatformError, RemoteError, type StopResult, type TaskRecord } from '@bgtask/protocol'
import type { StdioPipes } from '../child/pipes.js'
import { LogFile } from '../directory/log-file.js'
import { RecordFile } from '../directory/record.js'
import { InfoMaker } from '../info.js'
import { Lock } from '../lock/lock.js'
import { Log } from '../log.js'
import { TaskServer } from '../server/server.js'
import { Supervisor } from '../supervisor.js'

/** What makes a supervisor a particular one. */
export interface SupervisorOptions {
  /** Name and version, told in `hello` and info. */
  readonly software?: string
  /** Further keys for info and record; called for each, so it must be cheap. What the contract names cannot be replaced. */
  readonly info?: () => Record<string, unknown>
}

export type MakeOptions = SupervisorOptions & Required<Pick<SupervisorOptions, 'software'>>

/** A task that clients can reach. */
export interface MadeTask {
  readonly supervisor: Supervisor
  readonly log: Log
  readonly directory: HeldDirectory
  /** Undefined in the foreground. */
  readonly logFile: LogFile | undefined
  /** Ends the task and its traces in the directory. */
  terminate(steps?: LaunchSpec['stop']): Promise<StopResult>
  /** The same at once, and nobody is to hear of it. */
  undo(): Promise<void>
}

const UNDO_STEPS = [{ killSignal: 'SIGKILL', waitMs: 2_000 }]

/**
 * Makes lock, log, record, socket, child and the socket's name, in that order. Whatever fails undoes what was there before;
 * whoever is killed before it can undo that leaves a record by which child and files are found.
 *
 * @param onTerminated called once the task is over and everybody who asked for that can be answered.
 */
export async function makeTask(
  spec: LaunchSpec,
  pipes: StdioPipes | undefined,
  { software, info = () => ({}) }: MakeOptions,
  onTerminated: (server: TaskServer) => void,
): Promise<MadeTask> {
  checkPlatform()
  const directory = new HeldDirectory(spec.poolPath)
  const traces: (() => void)[] = []
  let supervisor: Supervisor | undefined
  // While something of the task may run, its record must stay: it is how that is told, and ended.
  let mayRun = false
  const end = async (started: Supervisor, steps?: LaunchSpec['stop']) => {
    mayRun = true
    const result = await started.terminate(steps)
    mayRun = result.survivors.length > 0
    return result
  }
  const undo = async () => {
    if (supervisor !== undefined) await end(supervisor, UNDO_STEPS).catch(() => {})
    removeAll(traces)
  }
  try {
    const lock = spec.lockfile === null ? undefined : new Lock(spec.lockfile, spec.taskId)
    traces.unshift(() => lock?.release())
    const logFile = spec.behavior === 'foreground' ? undefined : new LogFile(directory, spec.access)
    traces.unshift(() => logFile?.remove())
    const log = new Log(logFile?.fd ?? 2)
    const recordFile = new RecordFile(directory, spec.taskId, spec.access)
    const made = new Supervisor({ spec, log, lock, pipes, record: () => recordFile.write(infoMaker.record()) })
    const infoMaker = new InfoMaker(made, software, info)
    traces.unshift(() => mayRun || recordFile.remove())
    writeFirst(recordFile, infoMaker.record())

    const server = new TaskServer(directory, log)
    traces.unshift(() => server.unpublish())
    await server.listen(spec.access)
    // The pid is ours from here on.
    logFile?.publish()
    supervisor = made
    await made.start()

    let terminations = 0
    const terminate = async (steps?: LaunchSpec['stop']) => {
      terminations += 1
      try {
        return await end(made, steps)
      } finally {
        removeAll(traces)
        terminations -= 1
        // Whoever terminated with other steps at the same time is to get an answer too.
        if (terminations === 0) onTerminated(server)
      }
    }
    server.serve({ supervisor: made, infoMaker, software, clientCount: () => server.clientCount, terminate })
    server.publish()
    return { supervisor: made, log, directory, logFile, terminate, undo }
  } catch (error) {
    await undo()
    directory.close()
    throw directory.explain(error)
  }
}

function writeFirst(file: RecordFile, record: TaskRecord): void {
  try {
    file.write(record)
  } catch (cause) {
    throw new RemoteError('NOT_RECORDED', `cannot write ${file.path}: ${(cause as Error).message}`, undefined, {
      cause,
    })
  }
}

/** A directory that is gone or read-only must not keep the rest, or this process, from going. */
function removeAll(traces: readonly (() => void)[]): void {
  for (const remove of traces) {
    try {
      remove()
    } catch {
      // There is nobody to tell who could do anything about it.
    }
  }
}

function checkPlatform(): void {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new PlatformError('a supervisor')
  }
}
