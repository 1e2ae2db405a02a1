import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { supervisorCommand } from '@bgtask/supervisor'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { expectNothingLeft, makePool } from '../support/directory.js'
import { spawnTask } from '../support/tasks.js'

/** A pool whose supervisors find their names taken that often, and the pids of those that were started so far. */
function poolWhere(taken: number) {
  const notes = join(tempDir(), 'notes')
  const fixture = join(import.meta.dirname, '../fixtures/name-taken.js')
  const pool = makePool({ supervisorCmd: supervisorCommand([process.execPath, fixture, notes, String(taken)]) })
  return { pool, pids: () => readFileSync(notes, 'utf8').trim().split('\n').map(Number) }
}

test('a pid whose names are taken is no obstacle: another supervisor has another one', async () => {
  const { pool, pids } = poolWhere(2)
  const task = await spawnTask(pool)
  expect((await task.info()).state).toBe('running')
  expect(pids()).toHaveLength(3)
  expect(pids().at(-1)).toBe(task.pid)
})

test('eight in a row are too many, and the error says why', async () => {
  const { pool, pids } = poolWhere(100)
  await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject({
    code: 'ERR_BGTASK_LAUNCH',
    message: expect.stringContaining('NAME_TAKEN'),
  })
  expect(pids()).toHaveLength(8)
  expectNothingLeft(pool)
})
