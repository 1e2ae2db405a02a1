import { lstatSync, readdirSync } from 'node:fs'
import { HeldDirectory, taskDirectoryName } from '@bgtask/os'
import { parseOptions, type TaskRecord } from '@bgtask/protocol'
import { debug } from '../debug.js'
import { listEntries } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { mayRemove } from '../directory/task-directory.js'
import { type PruneOptions, pruneOptionsSchema } from './prune-options.js'
import { retiredRecords } from './retired-info.js'
import { removeRetired } from './retired-tasks.js'

/**
 * Removes retired tasks of this user: those that are too old, too many, or keep too much. Tasks with a supervisor are not
 * touched, nor those of one that was killed.
 *
 * @param limit the most tasks to remove, the oldest first.
 * @returns the ids of the removed tasks.
 */
export async function pruneRetired(
  directory: PoolDirectory,
  options: PruneOptions,
  limit = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const { olderThanMs, keep, maxBytes } = parseOptions(pruneOptionsSchema, options)
  const deadline = Date.now() - olderThanMs
  const isLimited = maxBytes < Number.MAX_SAFE_INTEGER
  let bytes = 0
  const excess = ownRetired(directory).filter((record, place) => {
    if (isLimited) bytes += bytesOf(directory, record.info.taskId)
    return place >= keep || retiredAt(record) < deadline || bytes > maxBytes
  })
  const removed: string[] = []
  for (const record of excess.reverse()) {
    if (removed.length >= limit) break
    if (await removeRetired(directory, record)) removed.push(record.info.taskId)
  }
  debug(() => `prune removed ${removed.join(' ') || 'nothing'}`)
  return removed
}

/** The newest first. */
function ownRetired(directory: PoolDirectory): TaskRecord[] {
  return listEntries(directory)
    .flatMap((entry) => retiredRecords(directory, entry))
    .filter(({ ownerUid }) => mayRemove(ownerUid))
    .map(({ record }) => record)
    .sort((a, b) => retiredAt(b) - retiredAt(a))
}

function retiredAt({ info }: TaskRecord): number {
  return info.retiredAt ?? 0
}

/** What the files of a task's directory take; 0 if there is none. */
function bytesOf(directory: PoolDirectory, taskId: string): number {
  let held: HeldDirectory | undefined
  try {
    held = new HeldDirectory(directory.at(taskDirectoryName(taskId)))
    const paths = readdirSync(held.at('.')).map((name) => held?.at(name) ?? '')
    return paths.reduce((sum, path) => sum + (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
  } catch {
    return 0
  } finally {
    held?.close()
  }
}
