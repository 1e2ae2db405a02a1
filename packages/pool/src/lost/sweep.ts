import {
  checkOptions,
  handlerSchema,
  InvalidOptionError,
  isRunning,
  type KnownOptions,
  logFileName,
  processGone,
  recordFileName,
  socketFileName,
} from '@bgtask/protocol'
import { debug } from '../debug.js'
import { listEntries, type PoolEntry } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { type JudgedRecord, readRecords } from '../directory/judged-records.js'
import { type EntryErrorOptions, type EntryReport, entryReport } from '../entry-errors.js'
import { isRefused } from './is-refused.js'
import { hasOrphans, hasTree } from './lost-task.js'
import { removeOwn } from './remove-own.js'

/** `onError` is told of records that cannot be believed: they stay, and with them what else is there of their pid. */
export interface SweepOptions extends EntryErrorOptions {
  /** Leave what was written in the last so many ms; 0 unless given. */
  readonly olderThanMs?: number
}

const SWEEP_OPTIONS: KnownOptions<SweepOptions> = { olderThanMs: true, onError: handlerSchema }

/** Without a record of the file's supervisor, a file may be that of one that is just starting: it is given this long. */
const SETTLE_MS = 60_000

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
  const { olderThanMs = 0 } = checkOptions(options, SWEEP_OPTIONS)
  if (!(typeof olderThanMs === 'number' && olderThanMs >= 0))
    throw new InvalidOptionError('olderThanMs', olderThanMs, 'must be a number of milliseconds')
  const report = entryReport('sweep', directory.path, options)
  const removed: string[] = []
  for (const entry of listEntries(directory.path)) {
    removed.push(...(await sweepEntry(directory, entry, olderThanMs, report)))
  }
  debug(() => `sweep removed ${removed.join(' ') || 'nothing'}`)
  return removed
}

/** The same for what is left of one launch, whose supervisor was killed before it could undo it. */
export async function sweepLaunch(directory: PoolDirectory, taskId: string): Promise<void> {
  for (const entry of listEntries(directory.path)) {
    if (!entry.taskIds.includes(taskId)) continue
    await whenGone(directory, entry)
    await sweepEntry(directory, entry, 0)
  }
}

/** A process that was killed still looks alive for a moment, though it has no environment any more to be told by. */
async function whenGone(directory: PoolDirectory, entry: PoolEntry): Promise<void> {
  for (const { record, supervisor } of readRecords(directory, entry)) {
    const { pid, startTime } = record.supervisor
    if (supervisor === 'alive' && startTime !== null) await processGone({ pid, startTime, timeoutMs: MAX_DYING_MS })
  }
}

/** Removes a socket at which nobody will ever listen again, so that no further search tries it. */
export function removeDeadSocket(directory: PoolDirectory, entry: PoolEntry): void {
  const records = readRecords(directory, entry)
  const isDead = records.length > 0 && records.length === entry.taskIds.length && !isRunning(entry.pid, null)
  if (isDead && records.every(({ supervisor }) => supervisor === 'dead')) {
    removeOwn(`${directory.path}/${socketFileName(entry.pid)}`, 0)
  }
}

async function sweepEntry(
  directory: PoolDirectory,
  entry: PoolEntry,
  olderThanMs: number,
  report?: EntryReport,
): Promise<string[]> {
  const stale = await staleFiles(directory, entry, olderThanMs, report)
  return stale.filter(([name, minAgeMs]) => removeOwn(`${directory.path}/${name}`, minAgeMs)).map(([name]) => name)
}

/** Names of files that nobody uses any more, and how old (ms) each must be to go. */
async function staleFiles(
  directory: PoolDirectory,
  entry: PoolEntry,
  olderThanMs: number,
  report?: EntryReport,
): Promise<[string, number][]> {
  const records = readRecords(directory, entry, report)
  const stale = records
    .filter(({ supervisor, record }) => supervisor === 'dead' && !hasOrphans(record) && !hasTree(record))
    .map(({ record }): [string, number] => [recordFileName(entry.pid, record.info.taskId), olderThanMs])
  if (!(await isAbandoned(directory, entry, records))) return stale
  const isKnownDead = records.length > 0 && !isRunning(entry.pid, null)
  const minAgeMs = isKnownDead ? olderThanMs : Math.max(olderThanMs, SETTLE_MS)
  const others = [
    ...(entry.hasSocket ? [socketFileName(entry.pid)] : []),
    ...(entry.hasLog ? [logFileName(entry.pid)] : []),
    ...entry.temporaries,
  ]
  return [...stale, ...others.map((name): [string, number] => [name, minAgeMs])]
}

/** Whether no supervisor that lives, or may live elsewhere, can be behind this pid's socket and log. */
async function isAbandoned(directory: PoolDirectory, entry: PoolEntry, records: JudgedRecord[]): Promise<boolean> {
  // A record that could not be read may be that of a supervisor that lives.
  if (records.length < entry.taskIds.length || records.some(({ supervisor }) => supervisor !== 'dead')) return false
  if (entry.hasSocket) return isRefused(`${directory.path}/${socketFileName(entry.pid)}`)
  return !isRunning(entry.pid, null)
}
