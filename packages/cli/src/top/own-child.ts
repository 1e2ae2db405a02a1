import { lstatSync } from 'node:fs'
import { isHere, isRunning, readProcessUsers } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'

/**
 * Whether a pid that a supervisor names as its child's is that process here, and not another one: the supervisor may run in
 * another pid namespace, or lie. Its record proves it, if the process is of the user whose socket it is.
 *
 * @param id the supervisor's pid.
 */
export async function isOwnChild(pool: TaskPool, id: number, pid: number): Promise<boolean> {
  const record = await pool.record(id).catch(() => undefined)
  if (record?.child?.pid !== pid || !isHere(record.supervisor)) return false
  return isRunning(pid, record.child.startTime) && isOf(pid, pool.socketPath(id))
}

/** Root may start what it likes as anybody, and we ourselves forge nothing. */
function isOf(pid: number, socketPath: string): boolean {
  const owner = lstatSync(socketPath, { throwIfNoEntry: false })?.uid
  if (owner === undefined) return false
  return owner === 0 || owner === process.geteuid?.() || readProcessUsers(pid)?.real === owner
}
