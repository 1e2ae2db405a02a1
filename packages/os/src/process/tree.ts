import { readProcessUsers } from './proc.js'
import { isLive, type ProcessStat, readProcessStat } from './stat.js'
import { ProcessTable } from './table.js'

/** What makes a process part of a task. */
export interface TreeSelector {
  /** Start time of the supervisor (null if unknown): an older process is not the task's and need not be examined. */
  readonly since: number | null
  /** Value of the cookie variable that the task's processes carry. */
  readonly cookie: string
  /** Children of the task's runs. Each led its own session, whose number is its pid. */
  readonly roots: readonly TreeRoot[]
  /** Targets of `/proc/PID/fd/N` such as `pipe:[123]`: the task's pipes. */
  readonly pipes: readonly string[]
  /** Pids that never belong to the tree: the caller's and the supervisor's. */
  readonly exclude: readonly number[]
  /** Real uid that a process must have to be signalled: the uid that owns the record with these facts. Missing or root: any. */
  readonly owner?: number
}

/** The child of a run; without a start time it cannot be distinguished from a later process with its pid, and is not searched. */
export interface TreeRoot {
  readonly pid: number
  readonly startTime: number | null
}

/** A process of the tree; `startTime` guards against the pid being reused. */
export interface TreeProcess {
  readonly pid: number
  readonly startTime: number
}

/**
 * The processes of a task. A process that was found once belongs to the tree until it is dead, even if it drops the mark by which
 * it was found, unless it has become one of another task: the supervisor of a task that is started inside descends from this one
 * until it is detached.
 */
export class TaskTree {
  readonly #select: () => TreeSelector
  #found: readonly TreeProcess[]

  /** @param found processes that are known to be the task's. */
  constructor(select: () => TreeSelector, found: readonly TreeProcess[] = []) {
    this.#select = select
    this.#found = found
  }

  /**
   * All that live now.
   *
   * @param session pid of a child that was reaped just now: no other process can have it yet, so its session is the
   * task's. Later only the processes found now prove that.
   * @param table the processes of this moment, for several trees at once.
   */
  find(session?: number, table?: ProcessTable): TreeProcess[] {
    let found = findTree(this.#select(), this.#found, session, table)
    // The list of pids is older than what is read of each of them: one that is in no list may have been started by one that had ended
    // when it was read. Only a second list, made after that end, shows that none is left.
    if (found.length === 0 && table === undefined) found = findTree(this.#select(), this.#found, session)
    this.#found = found
    return found
  }

  /** Whether a process may be signalled on behalf of the tree's owner, as the kernel would let that user do. */
  isOwned({ pid }: TreeProcess): boolean {
    const { owner = 0 } = this.#select()
    return owner === 0 || readProcessUsers(pid)?.real === owner
  }
}

/**
 * Finds every live process of a task: those found before, the child and its session, descendants by parent, carriers of the
 * cookie, and holders of one of the task's pipes as fd 0, 1 or 2. A process that dropped all of these before the first
 * search cannot be found.
 */
export function findTree(
  selector: TreeSelector,
  found: readonly TreeProcess[] = [],
  ownSession?: number,
  table = new ProcessTable(),
): TreeProcess[] {
  const since = selector.since ?? 0
  const stats = table.stats.filter(({ pid, startTime }) => startTime >= since && !selector.exclude.includes(pid))
  const roots = new Set(selector.roots.map(nameOf))
  const known = new Set(found.map(nameOf))
  const living = stats.filter(isLive)
  const members = new Set<number>()
  for (const stat of living) {
    if (
      roots.has(nameOf(stat)) ||
      (known.has(nameOf(stat)) && !table.isOfAnotherTask(stat, selector.cookie)) ||
      stat.session === ownSession ||
      table.carriesCookie(stat, selector.cookie) ||
      table.holdsPipe(stat, selector.pipes)
    ) {
      members.add(stat.pid)
    }
  }
  for (let before = -1; before !== members.size; ) {
    before = members.size
    const sessions = heldSessions(selector.roots, stats, members)
    for (const { pid, ppid, session } of living) if (members.has(ppid) || sessions.has(session)) members.add(pid)
  }
  return living.filter(({ pid }) => members.has(pid)).map(({ pid, startTime }) => ({ pid, startTime }))
}

/**
 * Sends a signal to one process of a tree, right after a check of its start time. The check narrows the race with a reused
 * pid to microseconds; without pidfds it cannot be closed.
 *
 * @returns false if the process is gone or may not be signalled.
 */
export function signalProcess(target: TreeProcess, killSignal: NodeJS.Signals): boolean {
  if (readProcessStat(target.pid)?.startTime !== target.startTime) return false
  try {
    return process.kill(target.pid, killSignal)
  } catch {
    return false
  }
}

/** Distinguishes a process from a later one with its pid. */
function nameOf({ pid, startTime }: TreeRoot): string {
  return `${pid}.${startTime}`
}

/**
 * Numbers of the children's sessions that are still theirs. The kernel reuses a number once no process, group
 * or session has it. So it proves something only while the child (or its zombie), or a known member of the task, holds it.
 * Groups need no check: those of a session's members are part of the session.
 */
function heldSessions(
  roots: readonly TreeRoot[],
  stats: readonly ProcessStat[],
  members: ReadonlySet<number>,
): ReadonlySet<number> {
  const children = new Set(roots.map(nameOf))
  const pids = new Set(roots.map(({ pid }) => pid))
  const holders = stats.filter((stat) => children.has(nameOf(stat)) || members.has(stat.pid))
  return new Set(holders.map(({ session }) => session).filter((session) => pids.has(session)))
}
