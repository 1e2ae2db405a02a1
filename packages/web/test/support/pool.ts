import type { Task } from '@bgtask/client'
import { type SpawnOptions, TaskPool } from '@bgtask/pool'
import { makeTempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

/** A pool in a temporary directory; disposing it ends all tasks and removes the directory. */
export class TestPool extends TaskPool implements AsyncDisposable {
  readonly #directory: ReturnType<typeof makeTempDir>

  constructor() {
    const directory = makeTempDir()
    super({ path: `${directory.path}/p`, mkdirIfMissing: true })
    this.#directory = directory
  }

  start(cmd: string, options: Omit<SpawnOptions, 'cmd' | 'exec'> = {}): Promise<Task> {
    return this.spawn({ cmd, ...options })
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const now = { steps: [{ killSignal: 'SIGKILL' as const, waitMs: 2_000 }] }
    for (const task of await this.search()) await task.terminateSupervisor(now)
    for (const lost of await this.lost()) await lost.stop(now)
    await this.close()
    this.#directory.remove()
  }
}

/** Creates a pool for one test. */
export function testPool(): TestPool {
  const pool = new TestPool()
  onTestFinished(() => pool[Symbol.asyncDispose]())
  return pool
}
