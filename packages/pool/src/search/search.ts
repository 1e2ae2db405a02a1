import { setMaxListeners } from 'node:events'
import type { Task } from '@bgtask/client'
import { Slots } from '@bgtask/os'
import {
  isBgTaskError,
  type OptionsOf,
  parseOptions,
  type RecordedInfo,
  type TaskInfo,
  type TaskRecord,
} from '@bgtask/protocol'
import { waitOptionsSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { debug } from '../debug.js'
import { listEntries, type PoolEntry } from '../directory/entries.js'
import { checkSocket, type PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { entryReport, onErrorSchema } from '../entry-errors.js'
import { removeDeadSocket } from '../lost/sweep.js'
import { retiredInfo, retiredRecords } from '../retired/retired-info.js'
import { checkPattern, matchesPattern, matchesTask, namesOnlyRecorded } from './match.js'

/** How long one supervisor may take to answer. */
export const DEFAULT_ANSWER_MS = 2_000

export const searchOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** How long one supervisor may take to answer, 2,000 ms unless given; those that answer do not wait for it. */
  timeoutMs: v.optional(waitOptionsSchema.entries.timeoutMs, DEFAULT_ANSWER_MS),
  /** Gets each entry that was skipped, with the reason. */
  onError: onErrorSchema,
})
export type SearchOptions = OptionsOf<typeof searchOptionsSchema>

/**
 * Supervisors asked at once. Those that hang stop counting before their time is up, which makes some 640 connections at the
 * very worst: below the usual limit of 1,024 descriptors.
 */
const MAX_ASKED = 32
const PATIENCE_MS = 100

/** What a search needs of a pool. */
export interface SearchView<T extends Task<object>> {
  readonly directory: PoolDirectory
  readonly taskAt: (pid: number) => T
  readonly socketPath: (pid: number) => string
}

/** Finds tasks: by their records where these hold what the pattern names, else by asking the supervisors. */
export async function searchTasks<T extends Task<object>>(
  view: SearchView<T>,
  pattern: object = {},
  options: SearchOptions = {},
): Promise<T[]> {
  checkPattern(pattern)
  const { signal, timeoutMs, onError } = parseOptions(searchOptionsSchema, options)
  signal?.throwIfAborted()
  const report = entryReport('search', view.directory.path, { onError })
  const fromRecords = typeof pattern !== 'function' && namesOnlyRecorded(pattern)
  const found = new Map<number, T>()
  const retired: TaskRecord[] = []
  const toAsk: PoolEntry[] = []
  for (const entry of listEntries(view.directory)) {
    retired.push(...retiredRecords(view.directory, entry).map(({ record }) => record))
    if (!entry.hasSocket) continue
    let owner: number | undefined
    try {
      owner = checkSocket(view.directory, view.socketPath(entry.pid), entry.pid)
    } catch (error) {
      report(error, entry.pid)
      continue
    }
    // Where no record tells of a supervisor that lives, only asking can tell: it may be custom, or of another machine.
    const records = fromRecords ? readRecords(view.directory, entry, report) : []
    // And only the socket's owner can say what is behind it.
    const info = records.find((found) => found.supervisor === 'alive' && found.ownerUid === owner)?.record.info
    if (info === undefined) toAsk.push(entry)
    else if (matchesPattern(pattern, info)) found.set(entry.pid, withInfo(view.taskAt(entry.pid), info))
  }
  debug(() => `search: ${found.size} found by their records, asking ${toAsk.length}`)
  const ended = signal && manyMayListenTo(signal)
  const asked = new Slots(MAX_ASKED, PATIENCE_MS)
  const ask = async (entry: PoolEntry) => {
    const { pid } = entry
    const task = view.taskAt(pid)
    let info: TaskInfo<object>
    try {
      info = await task.info({ signal: ended, timeoutMs })
    } catch (error) {
      ended?.throwIfAborted()
      // It may have retired since the directory was listed.
      const left = isGone(error) ? retiredRecords(view.directory, entry) : []
      retired.push(...left.map(({ record }) => record))
      if (isGone(error)) await removeDeadSocket(view.directory, entry)
      if (left.length === 0) report(error, pid)
      return
    } finally {
      task.disconnect()
    }
    // Only here may an error be the caller's: whatever a supervisor answers concerns its own entry.
    if (await matchesTask(pattern, info)) found.set(pid, withInfo(task, info))
  }
  await Promise.all(toAsk.map((entry) => asked.run(() => ask(entry), ended)))
  const tasks = [...found.values()]
  const ids = new Set(tasks.map(({ taskId }) => taskId))
  for (const record of retired) {
    const { taskId } = record.info
    if (ids.has(taskId)) continue
    ids.add(taskId)
    const info = fromRecords ? { ...record.info } : retiredInfo(record)
    const matches = fromRecords ? matchesPattern(pattern, info) : await matchesTask(pattern, info)
    if (matches) tasks.push(withInfo(view.taskAt(info.supervisorPid), info))
  }
  return tasks.sort((a, b) => a.pid - b.pid)
}

function isGone(error: unknown): boolean {
  return isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')
}

/** A signal of our own: Node warns of a leak above ten listeners, and the caller's limit is not ours to change. */
function manyMayListenTo(signal: AbortSignal): AbortSignal {
  const own = AbortSignal.any([signal])
  setMaxListeners(0, own)
  return own
}

/** Of a record, only the id that its name tells is sure. */
function withInfo<T extends Task<object>>(task: T, info: RecordedInfo<object>): T {
  task.cachedInfo = info
  return info.taskId === '' ? task : task.bind(info.taskId)
}
