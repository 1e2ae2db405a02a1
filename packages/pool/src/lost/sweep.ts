import { lstatSync } from 'node:fs'
import { livenessHere, logFileName, processGone, recordFileName, socketFileName, taskDirectoryName } from '@bgtask/os'
import { type OptionsOf, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { debug } from '../debug.js'
import { listEntries, listTaskDirectories, type PoolEntry } from '../directory/entries.js'
import { type PoolDirectory, whileHeld } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { removeTaskDirectory } from '../directory/task-directory.js'
import { type EntryReport, entryReport, onErrorSchema } from '../entry-errors.js'
import { isAbandoned, lostAmong, SETTLE_MS } from './judge.js'
import { mayHaveOrphans } from './lost-task.js'
import { removeOwn } from './remove-own.js'

const sweepOptionsSchema = v.strictObject({
  /**
   * Leave what was written in the last so many ms; 0 unless given. Of tasks that are lost because they are `silent`, only
   * what an age above 0 is given for is removed: what still runs of them may be out of sight.
   */
  olderThanMs: v.optional(
    v.custom<number>((ms) => typeof ms === 'number' && ms >= 0, 'must be a number of milliseconds'),
    0,
  ),
  /** Gets each record that cannot be believed. It stays, and with it everything else of its pid. */
  onError: onErrorSchema,
})
export type SweepOptions = OptionsOf<typeof sweepOptionsSchema>

/** How long (ms) a killed process may take to go, at the very most. */
const MAX_DYING_MS = 2_000

/**
 * Removes what dead supervisors left: sockets, logs, records, and files that were being made. Only one's own files, of this
 * machine, whose socket is refused and whose supervisor's identity is dead; the record of a task of which something still
 * runs stays.
 *
 * @returns the names of the files that were removed.
 */
export async function sweepDirectory(directory: PoolDirectory, options: SweepOptions = {}): Promise<string[]> {
  const { olderThanMs, onError } = parseOptions(sweepOptionsSchema, options)
  const report = entryReport('sweep', directory.path, { onError })
  const removed: string[] = []
  await whileHeld(directory, async (held) => {
    for (const entry of listEntries(held)) removed.push(...(await sweepEntry(held, entry, olderThanMs, report)))
    removed.push(...removeAbandoned(held, Math.max(olderThanMs, SETTLE_MS)))
  })
  debug(() => `sweep removed ${removed.join(' ') || 'nothing'}`)
  return removed
}

/** The same for what is left of one launch, whose supervisor was killed before it could undo it. */
export function sweepLaunch(directory: PoolDirectory, taskId: string): Promise<void> {
  return whileHeld(directory, async (held) => {
    for (const entry of listEntries(held)) {
      if (!entry.taskIds.includes(taskId)) continue
      await whenGone(held, entry)
      await sweepEntry(held, entry, 0)
    }
    removeTaskDirectory(held, taskId)
  })
}

/** Removes directories of tasks without a record: their supervisors were killed before they wrote one. */
function removeAbandoned(directory: PoolDirectory, minAgeMs: number): string[] {
  return listTaskDirectories(directory)
    .filter((id) => isOlder(directory.at(taskDirectoryName(id)), minAgeMs) && removeTaskDirectory(directory, id))
    .map(taskDirectoryName)
}

function isOlder(path: string, minAgeMs: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Date.now() - stats.mtimeMs >= minAgeMs
}

/** A process that was killed still looks alive for a moment, though it has no environment any more to be told by. */
async function whenGone(directory: PoolDirectory, entry: PoolEntry): Promise<void> {
  for (const { record, supervisor } of readRecords(directory, entry)) {
    const { pid, startTime } = record.supervisor
    if (supervisor === 'alive' && startTime !== null) await processGone({ pid, startTime, timeoutMs: MAX_DYING_MS })
  }
}

/** Removes a socket at which nobody will ever listen again, so that no further search tries it. */
export async function removeDeadSocket(directory: PoolDirectory, entry: PoolEntry): Promise<void> {
  const records = readRecords(directory, entry)
  const isDead =
    records.length > 0 && records.length === entry.taskIds.length && livenessHere(entry.pid, null) === 'dead'
  if (isDead && records.every(({ supervisor }) => supervisor === 'dead')) {
    await whileHeld(directory, (held) => removeOwn(held.at(socketFileName(entry.pid)), 0))
  }
}

async function sweepEntry(
  directory: PoolDirectory,
  entry: PoolEntry,
  olderThanMs: number,
  report?: EntryReport,
): Promise<string[]> {
  const stale = await staleFiles(directory, entry, olderThanMs, report)
  const removed = stale.filter(([name, minAgeMs]) => removeOwn(directory.at(name), minAgeMs)).map(([name]) => name)
  const tasks = entry.taskIds.filter((taskId) => removed.includes(recordFileName(entry.pid, taskId)))
  return [...removed, ...tasks.filter((taskId) => removeTaskDirectory(directory, taskId)).map(taskDirectoryName)]
}

/** Names of files that nobody uses any more, and how old (ms) each must be to go. */
async function staleFiles(
  directory: PoolDirectory,
  entry: PoolEntry,
  olderThanMs: number,
  report?: EntryReport,
): Promise<[string, number][]> {
  const records = readRecords(directory, entry, report)
  const lost = await lostAmong(directory, entry, records)
  const due = lost.filter(({ reason }) => reason === 'died' || olderThanMs > 0)
  const stale = due
    .filter(({ record }) => !mayHaveOrphans(record))
    .map(({ record }): [string, number] => [recordFileName(entry.pid, record.info.taskId), olderThanMs])
  // A record that could not be read, or is not due, may be that of a supervisor that lives, and uses the rest.
  const retired = records.filter(({ isRetired }) => isRetired)
  if (due.length + retired.length < entry.taskIds.length) return stale
  const isSilent = due.length > 0 && due.every(({ reason }) => reason === 'silent')
  const isFree = !isSilent && livenessHere(entry.pid, null) === 'dead'
  if (entry.hasSocket ? !(await isAbandoned(directory, entry)) : !isFree && !isSilent) return stale
  const minAgeMs = due.length > 0 && isFree ? olderThanMs : Math.max(olderThanMs, SETTLE_MS)
  const others = [
    ...(entry.hasSocket ? [socketFileName(entry.pid)] : []),
    ...(entry.hasLog ? [logFileName(entry.pid)] : []),
    ...entry.temporaries,
  ]
  return [...stale, ...others.map((name): [string, number] => [name, minAgeMs])]
}
