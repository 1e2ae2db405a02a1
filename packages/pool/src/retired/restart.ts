import { type LaunchSpec, TaskGoneError, type TaskRecord } from '@bgtask/protocol'
import { MAX_TIMER_MS, type WaitOptions } from '@bgtask/protocol/rpc'
import type { PoolDirectory } from '../directory/inspect.js'
import { checkOwnRecord } from '../directory/judged-records.js'
import { readCaller } from '../launch/caller.js'
import { makePlan } from '../launch/plan.js'
import { DEFAULT_LAUNCH_MS } from '../launch/spawn-options.js'
import type { ParsedSpawn, SpawnSettings } from '../launch/spec.js'
import { readKeptSpec } from './kept-spec.js'
import { retiredInfo } from './retired-info.js'

/**
 * Makes the launch that starts a retired task again: with its own spec, and where its last supervisor has left off.
 *
 * @throws TaskGoneError if its spec was not kept; PermissionError if spec or record are another user's.
 */
export function parseRestart(
  directory: PoolDirectory,
  retired: TaskRecord,
  { signal, timeoutMs = DEFAULT_LAUNCH_MS }: WaitOptions,
  pool: SpawnSettings,
): ParsedSpawn {
  checkOwnRecord(directory, retired)
  const { taskId, supervisorPid, run, restarts, createdAt, streams } = retiredInfo(retired)
  const kept = readKeptSpec(directory, taskId)
  if (kept === undefined) {
    const message = `task ${taskId} has retired and cannot be restarted: its spec was not kept`
    throw new TaskGoneError(supervisorPid, { taskId, message })
  }
  // The new supervisor must outlive the caller, which may be another process than the one that spawned the task.
  const behavior = kept.behavior === 'foreground' ? 'daemon' : kept.behavior
  const spec: LaunchSpec = { ...kept, behavior, resume: { supervisorPid, run, restarts, createdAt, streams } }
  const plan = makePlan(behavior, pool, readCaller())
  return { spec, plan, wait: { timeoutMs: Math.min(timeoutMs, MAX_TIMER_MS), signal: signal ?? undefined } }
}
