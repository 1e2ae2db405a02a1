import { resolve } from 'node:path'
import { TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import { makeTempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

export const root = resolve(import.meta.dirname, '../../../..')

/** A pool in a directory of its own; its tasks end with the test. */
export function makePool(options: Partial<TaskPoolOptions> = {}): TaskPool {
  const directory = makeTempDir()
  const pool = new TaskPool({ path: directory.path, ...options })
  onTestFinished(async () => {
    const tasks = await pool.search()
    for (const task of tasks)
      await task.terminateSupervisor({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] }).catch(() => {})
    directory.remove()
  })
  return pool
}
