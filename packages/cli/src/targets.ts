import type { Task } from '@bgtask/client'
import type { LostTask, SearchOptions, TaskPool } from '@bgtask/pool'
import type { RecordedInfo } from '@bgtask/protocol'
import { CliError } from './errors.js'
import type { Outputs } from './output/task-output.js'

/** A task named by the user: with its supervisor, or one that has retired, or, if that died, known only from its record. */
export type Target = LiveTarget | LostTarget

export interface LiveTarget {
  /** The supervisor's pid; that of the last one if the task has retired. */
  readonly id: number
  /** As recorded, without stream offsets. */
  readonly info: RecordedInfo
  readonly task: Task
  readonly lost?: undefined
}

export interface LostTarget {
  readonly id: number
  readonly info: RecordedInfo
  readonly task?: undefined
  readonly lost: LostTask
}

/** Lists all tasks of the pool, oldest first. */
export async function allTargets(pool: TaskPool, options?: SearchOptions): Promise<Target[]> {
  const lost = await pool.lost()
  const tasks = await pool.search({}, { ...options, onError: exceptLost(lost, options?.onError) })
  return [...tasks.map(liveTarget), ...lost.map(lostTarget)].sort((a, b) => createdAt(a) - createdAt(b))
}

/** Drops errors of lost tasks: their record says more than their dead socket. */
export function exceptLost(lost: readonly LostTask[], onError: SearchOptions['onError']): SearchOptions['onError'] {
  return (error, entry) => {
    const isLost = error.code === 'ERR_BGTASK_TASK_GONE' && lost.some(({ pid }) => pid === entry.pid)
    if (!isLost) onError?.(error, entry)
  }
}

/** Finds the tasks of several ids, each once. @throws CliError for the first id that is unknown or ambiguous. */
export async function findTargets(pool: TaskPool, ids: readonly string[]): Promise<Target[]> {
  const find = targetFinder(pool)
  const found = new Map<string, Target>()
  for (const id of ids) {
    const target = await find(id)
    found.set(keyOf(target), target)
  }
  return [...found.values()]
}

/** Unique key of a target. The task id alone is not enough: a supervisor may report none, or one that is not its own. */
export function keyOf({ id, info }: Pick<Target, 'id' | 'info'>): string {
  return `${id} ${info.taskId}`
}

/** Like `findTarget`, but requires a supervisor. */
export async function findTask(pool: TaskPool, id: string): Promise<LiveTarget> {
  return requireLive(await findTarget(pool, id))
}

/** The outputs of a task. @throws CliError if its supervisor has died and left none. */
export function outputsOf(target: Target): Outputs {
  const { task, lost, info } = target
  return task ?? (info.spool ? lost : requireLive(target).task)
}

/** @throws CliError if the supervisor has died. */
export function requireLive(target: Target): LiveTarget {
  if (target.task !== undefined) return target
  const message = `task ${target.id} is ${target.info.state}: its supervisor died`
  throw new CliError('ERR_BGTASK_TASK_STATE', message, { id: target.id, state: target.info.state })
}

/** Finds a task by id: a pid, a name, a unique prefix of a name or task id, or `@last`. */
export function findTarget(pool: TaskPool, id: string): Promise<Target> {
  return targetFinder(pool)(id)
}

/** `findTarget` for several ids: lists the pool only once for all names. */
export function targetFinder(pool: TaskPool): (id: string) => Promise<Target> {
  let listed: Promise<Target[]> | undefined
  return async (id) => {
    const byPid = /^\d+$/.test(id) ? await targetByPid(pool, id) : undefined
    if (byPid !== undefined) return byPid
    listed ??= allTargets(pool)
    return selectTarget(pool, await listed, id)
  }
}

function selectTarget(pool: TaskPool, targets: readonly Target[], id: string): Target {
  const target = id === '@last' ? targets.at(-1) : requireUnique(id, candidates(id, targets))
  if (target === undefined) throw noTaskError(pool, id)
  return target
}

export function nameOf({ meta }: RecordedInfo): string {
  return typeof meta.name === 'string' ? meta.name : ''
}

/** Whether the task has ended; otherwise a process of it is running or will be started. */
export function hasEnded({ state }: Pick<RecordedInfo, 'state'>): boolean {
  return state === 'exited' || state === 'failed' || state === 'lost'
}

/** Undefined if no task has that pid: the digits may then be (part of) a task id. */
async function targetByPid(pool: TaskPool, id: string): Promise<Target | undefined> {
  const pid = Number(id)
  const task = pid > 0 && Number.isSafeInteger(pid) ? await pool.taskByPid(pid) : undefined
  if (task !== undefined) return liveTarget(task)
  const lost = (await pool.lost()).filter((lost) => lost.pid === pid)
  return requireUnique(id, lost.map(lostTarget)) ?? retiredByPid(pool, pid)
}

/** The newest of the retired tasks whose supervisor had that pid: `run` has printed it as the task's id. */
async function retiredByPid(pool: TaskPool, pid: number): Promise<Target | undefined> {
  const tasks = await pool.search({ supervisorPid: pid })
  const retired = tasks.map(liveTarget).filter(({ info }) => info.retiredAt !== null)
  return retired.sort((a, b) => createdAt(b) - createdAt(a))[0]
}

/** Returns the tasks with that name or task id: the running ones, else the newest. Without an exact match, those with that prefix. */
function candidates(id: string, targets: readonly Target[]): readonly Target[] {
  const named = targets.filter(({ info }) => nameOf(info) === id || info.taskId === id)
  if (named.length > 0) {
    const running = named.filter(({ info }) => !hasEnded(info))
    return running.length > 0 ? running : named.slice(-1)
  }
  return id === '' ? [] : targets.filter(({ info }) => nameOf(info).startsWith(id) || info.taskId.startsWith(id))
}

function requireUnique(id: string, found: readonly Target[]): Target | undefined {
  if (found.length < 2) return found[0]
  // Several lost tasks may have had one pid.
  const pids = new Set(found.map((target) => target.id))
  const ids = found.map((target) => (pids.size < found.length ? target.info.taskId : target.id))
  const list = found.map(({ info }, place) => `${ids[place]}${nameOf(info) && ` (${nameOf(info)})`}`).join(', ')
  throw new CliError('ERR_BGTASK_AMBIGUOUS_ID', `${id} is ambiguous: it matches ${list}`, { given: id, ids })
}

function noTaskError(pool: TaskPool, id: string): CliError {
  return new CliError('ERR_BGTASK_NO_TASK', `no task ${id} in ${pool.path} (bgtask ls -a lists all tasks)`, {
    given: id,
    pool: pool.path,
  })
}

function liveTarget(task: Task): LiveTarget {
  return { id: task.pid, info: task.cachedInfo as RecordedInfo, task }
}

function lostTarget(lost: LostTask): LostTarget {
  return { id: lost.pid, info: lost.info, lost }
}

function createdAt({ info }: Target): number {
  return info.createdAt
}
