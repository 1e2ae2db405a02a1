import type { Task } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import type { RecordedInfo, TaskInfo } from '@bgtask/protocol'
import { hasEnded, keyOf, nameOf } from '../targets.js'
import { isOwnChild } from './own-child.js'
import { Processes } from './usage.js'

/** One task at one moment. Rates cover the time since the previous sample; they are null in the first. */
export interface TaskSample {
  readonly id: number
  readonly name: string
  readonly state: RecordedInfo['state']
  readonly info: RecordedInfo
  /** 100 is one processor. */
  readonly cpuPercent: number | null
  readonly memoryBytes: number | null
  /** Bytes per second written to stdout and stderr. */
  readonly outputRate: number | null
  readonly progress: Progress | null
}

/** What a job reports about itself in `meta.progress`. */
export interface Progress {
  readonly done: number | null
  readonly total: number | null
  readonly text: string | null
}

interface Counters {
  readonly at: number
  /** The child, if it is known which process that is. */
  readonly child: number | undefined
  readonly cpuMs: number | undefined
  readonly outputBytes: number | undefined
}

/** If a supervisor takes longer to answer, its record is shown instead. */
const INFO_TIMEOUT_MS = 500

/** Samples the tasks of a pool, with rates relative to the previous sample. */
export class Sampler {
  readonly #pool: TaskPool
  readonly #all: boolean
  readonly #tasks = new Map<string, Task>()
  #counters = new Map<string, Counters>()

  /** @param all include tasks that have ended. */
  constructor(pool: TaskPool, all: boolean) {
    this.#pool = pool
    this.#all = all
  }

  /** Takes a sample of all tasks, ordered by pid. */
  async take(): Promise<TaskSample[]> {
    const found = await this.#pool.search({})
    const processes = new Processes()
    const counters = new Map<string, Counters>()
    const samples = await Promise.all(
      found
        .filter((task) => this.#all || !hasEnded(task.cachedInfo as RecordedInfo))
        .map((task) => this.#sample(this.#known(task), task.cachedInfo as RecordedInfo, processes, counters)),
    )
    this.#counters = counters
    for (const [key, task] of this.#tasks) if (!counters.has(key)) this.#forget(key, task)
    return samples
  }

  /** Returns the same object, and so the same connection, for a task each time. */
  #known(task: Task): Task {
    const key = keyOfTask(task, task.cachedInfo as RecordedInfo)
    const known = this.#tasks.get(key) ?? task
    this.#tasks.set(key, known)
    return known
  }

  #forget(key: string, task: Task): void {
    task.disconnect()
    this.#tasks.delete(key)
  }

  async #sample(
    task: Task,
    recorded: RecordedInfo,
    processes: Processes,
    counters: Map<string, Counters>,
  ): Promise<TaskSample> {
    const info: RecordedInfo & Partial<TaskInfo> = await task.info({ timeoutMs: INFO_TIMEOUT_MS }).catch(() => recorded)
    const key = keyOfTask(task, recorded)
    const before = this.#counters.get(key)
    const child = await this.#childOf(task, info, before)
    const usage = child === undefined ? undefined : processes.usageOf(child)
    const { streams } = info
    const now: Counters = {
      at: performance.now(),
      child,
      cpuMs: usage?.cpuMs,
      outputBytes: streams && streams[1].endOffset + streams[2].endOffset,
    }
    counters.set(key, now)
    const perMs = (counter: 'cpuMs' | 'outputBytes') => growth(before, now, counter)
    return {
      id: task.pid,
      name: nameOf(info),
      state: info.state,
      info,
      cpuPercent: scaled(perMs('cpuMs'), 100),
      memoryBytes: usage?.memoryBytes ?? null,
      outputRate: scaled(perMs('outputBytes'), 1_000),
      progress: progressOf(info),
    }
  }

  /** Proved once for each child. */
  async #childOf({ pid: id }: Task, { pid }: RecordedInfo, before: Counters | undefined): Promise<number | undefined> {
    if (pid === null || pid === before?.child) return pid ?? undefined
    return (await isOwnChild(this.#pool, id, pid)) ? pid : undefined
  }
}

function keyOfTask({ pid }: Task, info: RecordedInfo): string {
  return keyOf({ id: pid, info })
}

/** Growth of a counter per ms; null if unknown. Never negative, although the CPU time of a process vanishes when it ends. */
function growth(before: Counters | undefined, now: Counters, counter: 'cpuMs' | 'outputBytes'): number | null {
  const [from, to] = [before?.[counter], now[counter]]
  if (before === undefined || from === undefined || to === undefined) return null
  return Math.max(0, to - from) / Math.max(1, now.at - before.at)
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : Math.round(value * factor * 10) / 10
}

function progressOf({ meta }: RecordedInfo): Progress | null {
  const { progress } = meta
  if (typeof progress !== 'object' || progress === null || Array.isArray(progress)) return null
  const number = (value: unknown) => (typeof value === 'number' ? value : null)
  const text = typeof progress.text === 'string' ? progress.text : null
  return { done: number(progress.done), total: number(progress.total), text }
}
