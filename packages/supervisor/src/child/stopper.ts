import {
  canReadProcesses,
  monotonicMs,
  readProcessStat,
  signalProcess,
  stopTree,
  TaskTree,
  type TreeProcess,
  type TreeSelector,
} from '@bgtask/os'
import type { StopStep } from '@bgtask/protocol'
import { Condition } from '../streams/condition.js'
import type { Run } from './child-run.js'
import { hasGroup, signalGroup, stopGroup } from './group.js'

/** So many runs are remembered: whoever is left of their sessions, or holds one of their pipes, belongs to the task. */
const REMEMBERED_RUNS = 8

/** How long the exit of a child that is dead may be on its way to a busy supervisor. */
const REAP_MS = 1_000

/** Signals and ends the processes of a task, whichever run they are of. */
export class Stopper {
  readonly #cookie: string
  readonly #runs: Run[] = []
  /** One for all stops: what one of them left is known to the next. */
  readonly #tree = new TaskTree(() => this.#selector())
  readonly #stops = new Set<Promise<unknown>>()
  readonly #ends = new Condition()
  #current: Run | undefined

  constructor(cookie: string) {
    this.#cookie = cookie
  }

  /** Pipes of the runs that are remembered. */
  get pipes(): string[] {
    return this.#runs.flatMap((run) => run.pipes)
  }

  get busy(): boolean {
    return this.#stops.size > 0
  }

  /** From now on the tree is that of this run too. */
  follow(run: Run): void {
    this.#current = run
    this.#runs.push(run)
    if (this.#runs.length > REMEMBERED_RUNS) this.#runs.shift()
  }

  /** The child of the present run is gone. Whoever is left of its session is found now: when they end, its pid is free for others. */
  childEnded(): void {
    const ended = this.#current
    this.#current = undefined
    this.#ends.wake()
    if (canReadProcesses() && ended !== undefined && hasGroup(ended.pid)) this.#tree.find(ended.pid)
  }

  /** Signals the child that lives, or everybody in the tree; false where there was nobody. */
  signal(killSignal: NodeJS.Signals, tree: boolean): boolean {
    const current = this.#current
    if (tree && canReadProcesses()) {
      // Not some(): everybody is to get the signal.
      return this.#tree.find().filter((target) => signalProcess(target, killSignal)).length > 0
    }
    if (current === undefined) return false
    if (tree) return signalGroup(current.pid, killSignal)
    if (current.startTime !== null) return signalProcess({ pid: current.pid, startTime: current.startTime }, killSignal)
    return process.kill(current.pid, killSignal)
  }

  /**
   * Ends the whole tree by steps, and resolves when the child's exit is known; returns who survived, the child first.
   * A second stop may overtake the first with harsher steps.
   */
  async stop(steps: readonly StopStep[]): Promise<TreeProcess[]> {
    const stop = this.#endTree(steps)
    this.#stops.add(stop)
    try {
      return await stop
    } finally {
      this.#stops.delete(stop)
    }
  }

  /** Resolves when nothing is being stopped. */
  async idle(): Promise<void> {
    while (this.busy) await Promise.allSettled(this.#stops)
  }

  async #endTree(steps: readonly StopStep[]): Promise<TreeProcess[]> {
    const deadline = monotonicMs() + steps.reduce((sum, { waitMs }) => sum + waitMs, 0)
    const left = await (canReadProcesses() ? stopTree(this.#tree, steps) : stopGroup(() => this.#current?.pid, steps))
    const isChild = ({ pid }: TreeProcess) => pid === this.#current?.pid
    if (!left.some(isChild)) {
      // The child is a zombie at most: its exit is on its way, unless a debugger holds it.
      const waitMs = Math.max(deadline - monotonicMs(), REAP_MS)
      await this.#ends.until(() => this.#current === undefined, waitMs)
    }
    if (this.#current === undefined) return left
    const { pid, startTime } = this.#current
    return [{ pid, startTime: startTime ?? 0 }, ...left.filter((target) => !isChild(target))]
  }

  #selector(): TreeSelector {
    return {
      since: readProcessStat(process.pid)?.startTime ?? null,
      cookie: this.#cookie,
      roots: this.#runs,
      pipes: this.pipes,
      exclude: [process.pid],
    }
  }
}
