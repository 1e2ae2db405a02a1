import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { MAX_RECORD_BYTES, recordFileName } from '@bgtask/os'
import {
  describeValue,
  isPlainObject,
  PermissionError,
  PROTOCOL_VERSION,
  ProtocolError,
  soundRecordedInfo,
  type TaskRecord,
} from '@bgtask/protocol'
import { debug } from '../debug.js'
import { inodeOf, type PoolDirectory } from './inspect.js'
import type { FoundRecord } from './record-cache.js'

/**
 * Reads one record. Any user who may write to the directory can plant a file of that name. So it is opened without
 * following links or blocking on a FIFO, and accepted only if it is a small regular file of a trusted owner, and its pid
 * and task id are those of its name.
 *
 * @returns undefined if it is missing.
 * @throws PermissionError for an untrusted owner, ProtocolError for a file that is not a record.
 */
export function readRecord(directory: PoolDirectory, pid: number, taskId: string): FoundRecord | undefined {
  const name = recordFileName(pid, taskId)
  const path = `${directory.path}/${name}`
  const known = knownRecord(directory, name)
  if (known !== undefined) return known
  const fd = openRecord(directory, name)
  if (fd === undefined) return undefined
  try {
    const stats = checkFile(directory, path, fd)
    const record = parseRecord(path, readText(fd, stats.size))
    if (record.info.supervisorPid !== pid || record.supervisor.pid !== pid || record.info.taskId !== taskId) {
      throw new ProtocolError(`record ${path} is of another task than its name says`)
    }
    const { uid, mtimeMs } = stats
    const found = { record: soundRecord(record, uid, path), ownerUid: uid, path, inode: inodeOf(stats), mtimeMs }
    directory.records?.set(name, stats, found)
    return found
  } finally {
    closeSync(fd)
  }
}

/** The record as it was read before, if its file is the same and has not changed. */
function knownRecord({ records, at, trusts }: PoolDirectory, name: string): FoundRecord | undefined {
  const stats = records && lstatSync(at(name), { throwIfNoEntry: false })
  const known = stats && records?.get(name, stats)
  return known !== undefined && trusts(known.ownerUid) ? known : undefined
}

function openRecord({ path, at }: PoolDirectory, name: string): number | undefined {
  try {
    return openSync(at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    // ELOOP is a symbolic link, ENXIO a socket under a record's name.
    throw new PermissionError(`${path}/${name}`, `cannot be opened as a record: ${code}`, { cause: error })
  }
}

function checkFile(directory: PoolDirectory, path: string, fd: number) {
  const stats = fstatSync(fd)
  if (!directory.trusts(stats.uid))
    throw new PermissionError(path, `belongs to uid ${stats.uid}, who is not trusted here`)
  if (!stats.isFile()) throw new ProtocolError(`record ${path} is not a regular file`)
  if (stats.size > MAX_RECORD_BYTES) throw new ProtocolError(`record ${path} has more than ${MAX_RECORD_BYTES} bytes`)
  return stats
}

function readText(fd: number, size: number): string {
  const bytes = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const count = readSync(fd, bytes, length, size - length, length)
    if (count === 0) break
    length += count
  }
  return bytes.toString('utf8', 0, length)
}

function parseRecord(path: string, text: string): TaskRecord {
  const record = parseJson(path, text)
  const problem = recordProblem(record)
  if (problem !== undefined) throw new ProtocolError(`record ${path} is not valid: ${problem}`)
  return record as TaskRecord
}

/** Checks the fields that identity and liveness depend on: a record must have them. */
function recordProblem(record: unknown): string | undefined {
  if (!isPlainObject(record)) return 'it is no map'
  const { v, supervisor, child, info } = record
  if (v !== PROTOCOL_VERSION) return `its version is ${describeValue(v)}`
  if (!isPlainObject(supervisor) || !isProcess(supervisor)) return 'supervisor is no process'
  const { bootId, machineId, pidNamespace } = supervisor
  if ([bootId, machineId, pidNamespace].some((part) => typeof part !== 'string')) return 'supervisor has no place'
  if (child !== null && (!isPlainObject(child) || !isProcess(child))) return 'child is no process'
  return isPlainObject(info) ? undefined : 'info is no map'
}

/** Other fields are used if they fit their schema. */
function soundRecord({ info, pipes, ...rest }: TaskRecord, ownerUid: number, path: string): TaskRecord {
  const onMisfit = (words: string) => debug(() => `record ${path} is wrong: ${words}`)
  return {
    ...rest,
    ...(Array.isArray(pipes) && { pipes: pipes.filter((name) => typeof name === 'string') }),
    uid: isCount(rest.uid) ? rest.uid : ownerUid,
    info: soundRecordedInfo(info, info.supervisorPid, onMisfit),
  }
}

function isProcess({ pid, startTime }: Record<string, unknown>): boolean {
  return isCount(pid) && (startTime === null || isCount(startTime))
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ProtocolError(`record ${path} is not JSON`, { cause: error })
  }
}
