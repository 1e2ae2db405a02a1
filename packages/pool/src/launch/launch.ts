import { isBgTaskError, RemoteError } from '@bgtask/protocol'
import type { SupervisorChoice } from './choice.js'
import type { SupervisorPlan } from './plan.js'
import { launches } from './queue.js'
import { encodeSpec, type ParsedSpawn } from './spec.js'
import type { Standbys } from './standbys.js'
import { spawners } from './start/spawners.js'
import { startBySpawner } from './start/start-by-spawner.js'
import { startDetaching, startProcess } from './start/start-process.js'
import type { Start } from './start/started-supervisor.js'
import { type LaunchWait, SupervisorProcess } from './supervisor-process.js'

/**
 * Supervisors that one spawn may start because the names of the pids before were taken. In another pid namespace that shares
 * the directory each pid in a few may be a supervisor's; so many in a row are no accident.
 */
const MAX_SUPERVISORS = 8

/** What a launch needs of its pool. */
export interface Launcher<T> {
  readonly standbys: Standbys
  readonly choice: SupervisorChoice
  /** Connects to a supervisor that says that it is ready. */
  reach(found: { pid: number; taskId: string; supervisor: string }, wait: LaunchWait): Promise<T>
  /** Removes the files of a supervisor that was killed and could not undo what it had made. */
  sweep(taskId: string): Promise<void>
  /** Starts standbys in the place of those that were used. */
  refill(): void
}

/** Starts a supervisor when it is this launch's turn, and gives it the spec. If it rejects, nothing is left. */
export async function launch<T>({ spec, plan, wait }: ParsedSpawn, launcher: Launcher<T>): Promise<T> {
  const { taskId } = spec
  // Before anything is started: it throws if the spec is too large.
  const given = { spec: encodeSpec(spec), taskId }
  const start = (supervisor: SupervisorProcess) =>
    supervisor.launch(given, wait, (pid, name) => launcher.reach({ pid, taskId, supervisor: name }, wait))
  return launches.run(async () => {
    // The event loop turns between the two halves of a spawn's work, so that neither keeps it for long.
    await new Promise(setImmediate)
    try {
      return await startUntilReady(plan, launcher, start)
    } catch (error) {
      if (!isBgTaskError(error, 'ERR_BGTASK_LOCK_HELD')) await launcher.sweep(taskId)
      throw error
    } finally {
      launcher.refill()
    }
  }, wait.signal)
}

/**
 * Goes on with another supervisor if one has failed before it had done anything: a standby died before it read its spec, the
 * spawner ended, the native supervisor does not run here, or the names of its pid are taken.
 */
async function startUntilReady<T>(
  plan: SupervisorPlan,
  launcher: Launcher<T>,
  start: (supervisor: SupervisorProcess) => Promise<T>,
): Promise<T> {
  const { standbys, choice } = launcher
  let current = plan
  const early = (await standbys.take(plan)) ?? bySpawner(launcher, plan)
  let supervisor = early ?? bySelf(plan)
  for (let left = MAX_SUPERVISORS - 1; ; left -= 1) {
    try {
      return await start(supervisor)
    } catch (error) {
      if (left === 0) throw error
      if (await choice.canReplace(current.command, error)) current = { ...plan, command: choice.command() }
      else if (!(supervisor === early && supervisor.mayBeRepeated) && !isNameTaken(error)) throw error
    }
    supervisor = bySelf(current)
  }
}

/** Only one that could detach itself: any other may count on what a shell before it does. */
function bySpawner({ choice }: Launcher<unknown>, plan: SupervisorPlan): SupervisorProcess | undefined {
  const program = plan.command.detaches && plan.behavior !== 'foreground' ? choice.spawnerProgram() : undefined
  const spawner = program === undefined ? undefined : spawners.next(program, plan.caller)
  return spawner && new SupervisorProcess(plan, startBySpawner(spawner))
}

function bySelf(plan: SupervisorPlan): SupervisorProcess {
  const start: Start = plan.command.detaches ? startDetaching : startProcess
  return new SupervisorProcess(plan, start)
}

function isNameTaken(error: unknown): boolean {
  if (!isBgTaskError(error, 'ERR_BGTASK_LAUNCH')) return false
  return error.cause instanceof RemoteError && error.cause.remoteCode === 'NAME_TAKEN'
}
