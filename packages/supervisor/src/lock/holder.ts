import { readFileSync, type Stats } from 'node:fs'
import { currentPlace, findTree, hasSameClock, isHere, liveness, readProcessStat } from '@bgtask/os'
import { isPlainObject, type LockHolder, type ProcessIdentity } from '@bgtask/protocol'

/** What we write into a lock file: who holds it, and the child that must not run twice. */
export interface LockNote {
  readonly bgtask: 1
  readonly taskId: string
  readonly supervisor: ProcessIdentity
  /** Null while none has been started. */
  readonly child: ProcessIdentity | null
}

/** Reads our note; undefined where the text is somebody else's, `empty` where there is none. */
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

/** Who holds the lock that was refused, from the note if its writer lives, else from the kernel's list. */
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

/** The child of a supervisor that was killed runs on and still excludes. */
export function findOrphan(note: ReturnType<typeof parseLockNote>): LockHolder | undefined {
  if (typeof note !== 'object') return undefined
  const childPid = isIdentity(note.child) ? pidIfRunning(note.child) : unnamedChild(note)
  return childPid === undefined ? undefined : { supervisorPid: note.supervisor.pid, childPid, kind: 'orphan' }
}

/** A process whose start time cannot be read or compared may be the child, so it excludes as the child does. */
function pidIfRunning(child: ProcessIdentity): number | undefined {
  return isHere(child) && liveness(child) !== 'dead' ? child.pid : undefined
}

/** Killed between the start of a child and its naming, a supervisor leaves one that is found by its cookie. */
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
    // The one that we got ourselves is in the list too.
    if ((kind === 'FLOCK') !== (refused === 'flock')) continue
    const name = { POSIX: 'fcntl', OFDLCK: 'ofd', FLOCK: 'flock' }[kind] ?? kind.toLowerCase()
    // A descriptor that was locked for somebody by `flock(1)` is listed with the pid of that helper, which is gone.
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
