import { findTree, type StopStep, type Survivor, signalProcess, stopTree, type TreeSelector } from '@bgtask/protocol'
import type { Run } from './run.js'

/** Pipes of so many runs are remembered: whoever still holds one belongs to the task. */
const REMEMBERED_RUNS = 8

/** Signals and ends the processes of a task, whichever run they are of. */
export class Stopper {
  readonly #cookie: string
  readonly #runs: Run[] = []
  readonly #stops = new Set<Promise<unknown>>()

  constructor(cookie: string) {
    this.#cookie = cookie
  }

  get busy(): boolean {
    return this.#stops.size > 0
  }

  /** From now on the tree is that of this run too. */
  follow(run: Run): void {
    this.#runs.push(run)
    if (this.#runs.length > REMEMBERED_RUNS) this.#runs.shift()
  }

  /** Signals the child that lives, or everybody in the tree. */
  signal(current: Run | undefined, killSignal: NodeJS.Signals, tree: boolean): boolean {
    if (tree) {
      // Not some(): everybody is to get the signal.
      return findTree(this.#selector()).filter((target) => signalProcess(target, killSignal)).length > 0
    }
    if (current === undefined) return false
    if (current.startTime !== null) return signalProcess({ pid: current.pid, startTime: current.startTime }, killSignal)
    return process.kill(current.pid, killSignal)
  }

  /** Ends the whole tree by steps; returns who survived. A second stop may overtake the first with harsher steps. */
  async stop(steps: readonly StopStep[]): Promise<Survivor[]> {
    const stop = stopTree(() => this.#selector(), steps)
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
    const last = this.#runs.at(-1)
    return {
      cookie: this.#cookie,
      rootPid: last?.pid ?? null,
      rootStartTime: last?.startTime ?? null,
      pipes: this.#runs.flatMap((run) => run.pipes),
      spare: [process.pid],
    }
  }
}
