import { HeldDirectory } from '@bgtask/os'
import { type LaunchSpec, PlatformError, RemoteError, type StopResult, type TaskRecord } from '@bgtask/protocol'
import type { StdioPipes } from '../child/pipes.js'
import { LogFile } from '../directory/log-file.js'
import { RecordFile, removeRecordOf } from '../directory/record.js'
import { openTaskDirectory } from '../directory/task-directory.js'
import { TaskInfoBuilder } from '../info.js'
import { Lock } from '../lock/lock.js'
import { Log } from '../log.js'
import { TaskServer } from '../server/server.js'
import { Supervisor } from '../supervisor.js'
import type { SupervisorOptions } from '../supervisor-options.js'
import type { GivenSpec } from './spec.js'

export type MakeOptions = SupervisorOptions & Required<Pick<SupervisorOptions, 'software'>>

/** A task that clients can reach. */
export interface MadeTask {
  readonly supervisor: Supervisor
  readonly log: Log
  readonly directory: HeldDirectory
  /** Undefined in the foreground. */
  readonly logFile: LogFile | undefined
  /** Ends the task and removes its files from the directory. */
  terminate(steps?: LaunchSpec['stop']): Promise<StopResult>
  /** Does the same at once, without replies to clients. */
  undo(): Promise<void>
}

const UNDO_STEPS = [{ killSignal: 'SIGKILL', waitMs: 2_000 }]

/**
 * Makes lock, log, record, socket, child and the socket's name, in that order. A failure undoes the steps before it. A
 * supervisor that is killed before it can undo them leaves a record by which child and files are found.
 *
 * @param onLeaving resolves when clients have got what they wait for; the process can exit then.
 */
export async function makeTask(
  { spec, bytes: specBytes }: GivenSpec,
  pipes: StdioPipes | undefined,
  { software, info = () => ({}) }: MakeOptions,
  onLeaving: (server: TaskServer) => Promise<void>,
): Promise<MadeTask> {
  checkPlatform()
  const directory = new HeldDirectory(spec.poolPath)
  const cleanup: (() => void)[] = []
  let supervisor: Supervisor | undefined
  // While a process of the task may run, its record must stay: the process is found, and ended, by it.
  let mayRun = false
  let isStarted = false
  const end = async (started: Supervisor, steps?: LaunchSpec['stop']) => {
    mayRun = true
    const result = await started.terminate(steps)
    mayRun = result.survivors.length > 0
    return result
  }
  const undo = async () => {
    if (supervisor !== undefined) await end(supervisor, UNDO_STEPS).catch(() => {})
    runCleanup(cleanup)
  }
  try {
    const lock = spec.lockfile === null ? undefined : new Lock(spec.lockfile, spec.taskId)
    cleanup.unshift(() => lock?.release())
    const logFile = spec.behavior === 'foreground' ? undefined : new LogFile(directory, spec.access)
    cleanup.unshift(() => logFile?.remove())
    const log = new Log(logFile?.fd ?? 2)
    const recordFile = new RecordFile(directory, spec.taskId, spec.access)
    const taskDirectory = openTaskDirectory(directory, spec)
    // That of a task which could not be started again stays.
    cleanup.unshift(() => mayRun || (spec.resume !== null && !isStarted) || taskDirectory?.remove())
    if (spec.keepSpec) taskDirectory?.keepSpec(specBytes)
    const made = new Supervisor({
      spec,
      log,
      lock,
      pipes,
      taskDirectory,
      retire: async () => {
        await server.reached()
        await onLeaving(server)
        if (made.isOver) retire()
      },
      record: () => recordFile.write(infoBuilder.record()),
    })
    const infoBuilder = new TaskInfoBuilder(made, software, info)
    cleanup.unshift(() => mayRun || recordFile.remove())
    writeFirst(recordFile, infoBuilder.record())

    const server = new TaskServer(directory, log)
    cleanup.unshift(() => server.unpublish())
    await server.listen(spec.access)
    // The pid is ours from here on.
    logFile?.publish()
    supervisor = made
    await made.start()
    isStarted = true
    if (spec.resume !== null) removeRecordOf(directory, spec.resume.supervisorPid, spec.taskId)

    const retire = () => {
      made.facts.retiredAt = Date.now()
      try {
        recordFile.write(infoBuilder.retiredRecord())
      } catch (error) {
        made.facts.retiredAt = null
        return log.write(`cannot retire, the record cannot be written: ${String(error)}`)
      }
      runCleanup([() => server.unpublish(), () => logFile?.remove()])
      process.exit()
    }
    let terminations = 0
    const terminate = async (steps?: LaunchSpec['stop']) => {
      terminations += 1
      try {
        return await end(made, steps)
      } finally {
        runCleanup(cleanup)
        terminations -= 1
        // A caller that terminated with other steps at the same time gets an answer too.
        if (terminations === 0) void onLeaving(server).then(() => process.exit())
      }
    }
    server.serve({ supervisor: made, infoBuilder, software, clientCount: () => server.clientCount, terminate })
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

/** Runs every step: a directory that is gone or read-only must not keep the other steps, or the exit, from happening. */
function runCleanup(cleanup: readonly (() => void)[]): void {
  for (const step of cleanup) {
    try {
      step()
    } catch {
      // No caller could do anything about it.
    }
  }
}

function checkPlatform(): void {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new PlatformError('a supervisor')
  }
}
