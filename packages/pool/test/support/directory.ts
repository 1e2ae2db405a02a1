import { readdirSync } from 'node:fs'
import { TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import { tempDir } from '@bgtask/testkit'
import { expect } from 'vitest'

/** A pool in a directory of its own. */
export function makePool(options: Partial<TaskPoolOptions> = {}): TaskPool {
  return new TaskPool({ path: tempDir(), ...options })
}

/** No socket, log, record or file in the making: whatever failed has undone everything. */
export function expectNothingLeft(pool: TaskPool): void {
  expect(readdirSync(pool.path)).toEqual([])
}
