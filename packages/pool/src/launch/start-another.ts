import { isBgTaskError, RemoteError } from '@bgtask/protocol'
import type { SupervisorProcess } from './supervisor-process.js'

/**
 * Supervisors that one spawn may start because the names of the pids before were taken. In another pid namespace that shares
 * the directory each pid in a few may be a supervisor's; so many in a row are no accident.
 */
const MAX_SUPERVISORS = 8

/**
 * Launches with another supervisor, and so another pid, if one failed before it had done anything: it died before it read its
 * spec, or its names in the directory are taken.
 *
 * @param first one that was started early, if there is one.
 */
export async function startAnother<T>(
  first: SupervisorProcess | undefined,
  make: () => SupervisorProcess,
  launch: (supervisor: SupervisorProcess) => Promise<T>,
): Promise<T> {
  for (let supervisor = first ?? make(), left = MAX_SUPERVISORS - 1; ; supervisor = make(), left -= 1) {
    try {
      return await launch(supervisor)
    } catch (error) {
      const canBeTriedAgain = (supervisor === first && supervisor.diedWaiting) || isNameTaken(error)
      if (!canBeTriedAgain || left === 0) throw error
    }
  }
}

function isNameTaken(error: unknown): boolean {
  if (!isBgTaskError(error, 'ERR_BGTASK_LAUNCH')) return false
  return error.cause instanceof RemoteError && error.cause.remoteCode === 'NAME_TAKEN'
}
