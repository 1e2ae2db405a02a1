/** The kind of a file in a pool's directory, derived from its name alone. */
export type PoolFile =
  | { readonly kind: 'socket' | 'log'; readonly pid: number }
  | { readonly kind: 'record'; readonly pid: number; readonly taskId: string }
  /** A file, or the directory of a socket, that was being made; left over if its supervisor was killed at that moment. */
  | { readonly kind: 'temporary'; readonly pid: number }

/** A record is read whole, and anybody who may write to the directory can plant one: 256 KiB at most. */
export const MAX_RECORD_BYTES = 256 * 1024

export const socketFileName = (pid: number): string => `${pid}.sock`
export const logFileName = (pid: number): string => `${pid}.out`
export const recordFileName = (pid: number, taskId: string): string => `${pid}.${taskId}.json`

/** The claim on a pid: whoever has this name may give the pid's socket and log their names. */
export const temporarySocketFileName = (pid: number): string => `.${pid}.s`
/** For a record or log that is being made. Whoever could foresee it could take the name first. */
export const temporaryFileName = (pid: number): string =>
  `.${pid}.${Math.random().toString(36).slice(2, 8).padEnd(6, '0')}`
/** To which `mkdtemp` adds six letters and digits: a directory that only its supervisor can enter, for its socket. */
export const privateDirectoryPrefix = (pid: number): string => `.${pid}.`
/** The socket in there. */
export const PRIVATE_SOCKET_NAME = 's'

/** The task's directory, for its output in files. Without a pid: it stays the task's when another supervisor takes over. */
export const taskDirectoryName = (taskId: string): string => `${taskId}.d`

/** The task's spec, in its directory. */
export const SPEC_FILE_NAME = 'spec'

/** The task whose directory has that name; undefined for other names. */
export function parseTaskDirectoryName(name: string): string | undefined {
  return /^([0-9a-f]{16,64})\.d$/.exec(name)?.[1]
}

const NAMES: readonly [RegExp, PoolFile['kind']][] = [
  [/^([1-9]\d{0,9})\.sock$/, 'socket'],
  [/^([1-9]\d{0,9})\.out$/, 'log'],
  [/^([1-9]\d{0,9})\.([0-9a-f]{16,64})\.json$/, 'record'],
  [/^\.([1-9]\d{0,9})\.(?:s|[0-9A-Za-z]{6})$/, 'temporary'],
]

/** Reads a file name of a pool's directory; undefined for whatever is not the pool's. */
export function parsePoolFileName(name: string): PoolFile | undefined {
  for (const [pattern, kind] of NAMES) {
    const match = pattern.exec(name)
    if (match === null) continue
    const pid = Number(match[1])
    return kind === 'record' ? { kind, pid, taskId: match[2] as string } : { kind, pid }
  }
  return undefined
}
