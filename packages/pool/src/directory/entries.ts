import { readdirSync } from 'node:fs'
import { parsePoolFileName, parseTaskDirectoryName } from '@bgtask/os'
import { PoolDirError } from '@bgtask/protocol'
import type { PoolDirectory } from './inspect.js'

/** The files that one pid has in the directory. Records of earlier tasks with the same pid may be among them. */
export interface PoolEntry {
  readonly pid: number
  hasSocket: boolean
  hasLog: boolean
  readonly taskIds: string[]
  /** Names of temporary files. */
  readonly temporaries: string[]
}

/** Lists the pool's files by pid, in order of pid; other files are ignored. */
export function listEntries(directory: Pick<PoolDirectory, 'path' | 'at'>): PoolEntry[] {
  const entries = new Map<number, PoolEntry>()
  for (const name of readNames(directory)) {
    const file = parsePoolFileName(name)
    if (file === undefined) continue
    let entry = entries.get(file.pid)
    if (entry === undefined) {
      entry = { pid: file.pid, hasSocket: false, hasLog: false, taskIds: [], temporaries: [] }
      entries.set(file.pid, entry)
    }
    if (file.kind === 'socket') entry.hasSocket = true
    else if (file.kind === 'log') entry.hasLog = true
    else if (file.kind === 'record') entry.taskIds.push(file.taskId)
    else entry.temporaries.push(name)
  }
  return [...entries.values()].sort((a, b) => a.pid - b.pid)
}

/** The ids of tasks that have a directory of their own. */
export function listTaskDirectories(directory: Pick<PoolDirectory, 'path' | 'at'>): string[] {
  return readNames(directory).flatMap((name) => parseTaskDirectoryName(name) ?? [])
}

function readNames({ path, at }: Pick<PoolDirectory, 'path' | 'at'>): string[] {
  try {
    return readdirSync(at('.'))
  } catch (error) {
    throw new PoolDirError(path, 'unusable', `cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
