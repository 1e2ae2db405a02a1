import { readFileSync, type Stats } from 'node:fs'
import { currentPlace, findTree, hasSameClock, isHere, liveness, readProcessStat } from '@bgtask/os'
import { isPlainObject, type LockHolder, type ProcessIdentity } from '@bgtask/protocol'

/** The note in a lock file: its holder, and the child that must not run twice. */
export interface LockNote {
  readonly bgtask: 1
  readonly taskId: string
  readonly supervisor: ProcessIdentity
  /** Null before the first start. */
  readonly child: ProcessIdentity | null
}

/** Reads the note; undefined for any other text, `empty` for an empty file. */
export function parseLockNote(text: string): LockNote | 'empty' | undefined {
  if (text.trim() === '') return 'empty'
  try {
    const note: unknown = JSON.parse(text)
    return isPlainObject(note) && note.bgtask === 1 && typeof note.taskId === 'string' && isIdentity(note.supervisor)
      ? (note as unknown as LockNote)
      : undefined
  } catch {
    return undefined
  }
}

/** `fcntl` locks, those of open file descriptions among them, and `flock` locks do not see each other. */
export type LockFamily = 'fcntl' | 'flock'

/** The holder of the refused lock: from the note if its writer lives, else from the kernel's list. */
export function findHolder(
  note: ReturnType<typeof parseLockNote>,
  file: Stats,
  refused: LockFamily,
): LockHolder | undefined {
  if (typeof note === 'object' && liveness(note.supervisor) === 'alive') {
    return {
      supervisorPid: note.supervisor.pid,
      ...(note.child !== null && { childPid: note.child.pid }),
      kind: 'bgtask',
    }
  }
  return kernelHolder(file, refused)
}

/** Whether the kernel's list has a lock of that family on the file. */
export function isListed(file: Stats, family: LockFamily): boolean {
  return kernelHolder(file, family) !== undefined
}

/** The child of a killed supervisor continues to run and still holds the lock. */
export function findOrphan(note: ReturnType<typeof parseLockNote>): LockHolder | undefined {
  if (typeof note !== 'object') return undefined
  const childPid = isIdentity(note.child) ? pidIfRunning(note.child) : unnamedChild(note)
  return childPid === undefined ? undefined : { supervisorPid: note.supervisor.pid, childPid, kind: 'orphan' }
}

/** A process whose start time cannot be read or compared may be the child, so it counts as the child. */
function pidIfRunning(child: ProcessIdentity): number | undefined {
  return isHere(child) && liveness(child) !== 'dead' ? child.pid : undefined
}

/** A supervisor that is killed between the start of a child and its note leaves a child that is found by its cookie. */
function unnamedChild({ taskId, supervisor }: LockNote): number | undefined {
  if (supervisor.bootId !== currentPlace().bootId) return undefined
  const since = hasSameClock(supervisor) ? supervisor.startTime : null
  return findTree({ since, cookie: taskId, roots: [], pipes: [], exclude: [process.pid] })[0]?.pid
}

/** `/proc/locks` names a holder's pid for `fcntl` and `flock` locks, but -1 for those of open file descriptions. */
function kernelHolder({ dev, ino }: Stats, refused: LockFamily): LockHolder | undefined {
  for (const line of readLocks()) {
    const [, kind, , , pid, where] = line.trim().split(/\s+/)
    if (kind === undefined || where !== `${hex(major(dev))}:${hex(minor(dev))}:${ino}`) continue
    // The list includes our own lock.
    if ((kind === 'FLOCK') !== (refused === 'flock')) continue
    const name = { POSIX: 'fcntl', OFDLCK: 'ofd', FLOCK: 'flock' }[kind] ?? kind.toLowerCase()
    // A lock taken with `flock(1)` is listed with the pid of that program, which has exited.
    return { kind: name, ...(readProcessStat(Number(pid)) !== undefined && { pid: Number(pid) }) }
  }
  return undefined
}

function readLocks(): string[] {
  try {
    return readFileSync('/proc/locks', 'latin1').split('\n')
  } catch {
    return []
  }
}

/** As glibc's `major` and `minor`, for device numbers below 2^32. */
const major = (dev: number): number => (dev >>> 8) & 0xfff
const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00)
const hex = (number: number): string => number.toString(16).padStart(2, '0')

function isIdentity(value: unknown): value is ProcessIdentity {
  return isPlainObject(value) && typeof value.pid === 'number' && typeof value.bootId === 'string'
}
