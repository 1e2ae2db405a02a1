import { lstatSync } from 'node:fs'
import { currentPlace, socketFileName } from '@bgtask/os'
import type { PoolEntry } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import type { JudgedRecord } from '../directory/judged-records.js'
import { isRefused } from './is-refused.js'

/**
 * `died`: the supervisor is known to be dead. `silent`: nothing here can show whether it is, as in a container that is gone,
 * but its socket refuses on this very kernel, and its record is not new.
 */
export type LostReason = 'died' | 'silent'

/** The record of a lost task. */
export interface LostRecord extends JudgedRecord {
  readonly reason: LostReason
}

/** How old (ms) files must be before a supervisor cannot be just starting with them, if its identity says nothing. */
export const SETTLE_MS = 60_000

/** Those of an entry's records whose tasks are lost: of a task whose socket accepts none is, whatever the record says. */
export async function lostAmong(
  directory: PoolDirectory,
  entry: PoolEntry,
  records: readonly JudgedRecord[],
): Promise<LostRecord[]> {
  const suspects = records.flatMap((record): LostRecord[] => {
    const reason = suspicion(record)
    return reason === undefined ? [] : [{ ...record, reason }]
  })
  // The socket is that of a later supervisor with the same pid.
  const isOthers = records.some(({ supervisor }) => supervisor === 'alive')
  return suspects.length === 0 || isOthers || (await isAbandoned(directory, entry)) ? suspects : []
}

/** Whether no supervisor that is trusted here listens on the entry's socket. */
export async function isAbandoned(directory: PoolDirectory, entry: PoolEntry): Promise<boolean> {
  if (!entry.hasSocket) return true
  const path = directory.at(socketFileName(entry.pid))
  const stats = lstatSync(path, { throwIfNoEntry: false })
  // A stranger who took the name must not keep a task from being found.
  if (stats === undefined || !directory.trusts(stats.uid)) return true
  return isRefused(path)
}

function suspicion({ supervisor, isRetired, record, mtimeMs }: JudgedRecord): LostReason | undefined {
  if (isRetired) return undefined
  if (supervisor !== 'unknown') return supervisor === 'dead' ? 'died' : undefined
  const { bootId } = currentPlace()
  // Another kernel's sockets refuse here even while they are listened on.
  const isThisKernel = bootId !== '' && record.supervisor.bootId === bootId
  return isThisKernel && Date.now() - mtimeMs >= SETTLE_MS ? 'silent' : undefined
}
