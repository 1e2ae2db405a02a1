import {
  canReadProcesses,
  findTree,
  readProcessStat,
  type StopStep,
  type Survivor,
  signalProcess,
  stopTree,
  type TreeSelector,
} from '@bgtask/protocol'
import { hasGroup, signalGroup, stopGroup } from './group.js'
import type { Run } from './run.js'

/** So many runs are remembered: whoever is left of their sessions, or holds one of their pipes, belongs to the task. */
const REMEMBERED_RUNS = 8

/** Signals and ends the processes of a task, whichever run they are of. */
export class Stopper {
  readonly #cookie: string
  readonly #runs: Run[] = []
  /** Runs whose group is empty: the kernel may have given its number to somebody else. */
  readonly #emptied = new Set<Run>()
  readonly #stops = new Set<Promise<unknown>>()
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
    if (this.#runs.length > REMEMBERED_RUNS) this.#emptied.delete(this.#runs.shift() as Run)
  }

  /** The child of the present run is gone, and its pid free unless others are left in its group. */
  childEnded(): void {
    this.#current = undefined
    for (const run of this.#runs) {
      if (!this.#emptied.has(run) && !hasGroup(run.pid)) this.#emptied.add(run)
    }
  }

  /** Signals the child that lives, or everybody in the tree; false where there was nobody. */
  signal(killSignal: NodeJS.Signals, tree: boolean): boolean {
    const current = this.#current
    if (tree && canReadProcesses()) {
      // Not some(): everybody is to get the signal.
      return findTree(this.#selector()).filter((target) => signalProcess(target, killSignal)).length > 0
    }
    if (current === undefined) return false
    if (tree) return signalGroup(current.pid, killSignal)
    if (current.startTime !== null) return signalProcess({ pid: current.pid, startTime: current.startTime }, killSignal)
    return process.kill(current.pid, killSignal)
  }

  /** Ends the whole tree by steps; returns who survived. A second stop may overtake the first with harsher steps. */
  async stop(steps: readonly StopStep[]): Promise<Survivor[]> {
    // Without them only the child's own process group can be found.
    const stop = canReadProcesses()
      ? stopTree(() => this.#selector(), steps)
      : stopGroup(() => this.#current?.pid, steps)
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

  #selector(): TreeSelector {
    return {
      since: readProcessStat(process.pid)?.startTime ?? null,
      cookie: this.#cookie,
      roots: this.#runs.filter((run) => !this.#emptied.has(run)),
      pipes: this.pipes,
      spare: [process.pid],
    }
  }
}
