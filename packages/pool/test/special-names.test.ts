import { expect, test } from 'vitest'
import { makePool } from './support/directory.js'
import { spawnTask } from './support/tasks.js'

/** Names that objects of JavaScript have, or that an assignment would take for something else. */
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

const text = (value: unknown) => JSON.stringify(value)

test.each(NAMES)('a variable %s reaches the child, from the caller and from the option', async (name) => {
  const pool = makePool()
  const env = Object.fromEntries([[name, 'given']])
  const given = await spawnTask(pool, { exec: ['/usr/bin/env'], env })
  expect((await given.stdout.waitFor(`${name}=given\n`, { timeoutMs: 10_000 }))?.text).toBeDefined()
  process.env[name] = 'inherited'
  try {
    const inherited = await spawnTask(pool, { exec: ['/usr/bin/env'] })
    expect((await inherited.stdout.waitFor(`${name}=inherited\n`, { timeoutMs: 10_000 }))?.text).toBeDefined()
  } finally {
    delete process.env[name]
  }
})

test.each(NAMES)('a variable %s for supervisors is kept beside the others', (name) => {
  const pool = makePool({ supervisorEnv: Object.fromEntries([[name, 'one']]) })
  expect(Object.entries(pool.applySupervisorEnv({ OTHER: 'two' }))).toEqual(
    expect.arrayContaining([
      [name, 'one'],
      ['OTHER', 'two'],
    ]),
  )
})

test('an environment that is wrong is refused without a word of its values', async () => {
  const env = Object.fromEntries([['__proto__', 'secret\0']])
  await expect(makePool().spawn({ cmd: 'true', env })).rejects.toMatchObject({
    code: 'ERR_BGTASK_INVALID_OPTION',
    message: expect.not.stringContaining('secret'),
  })
})

test.each(NAMES)('a key %s of meta is kept by info, record, applyMeta and both ways of a search', async (name) => {
  const pool = makePool()
  const inner = Object.fromEntries([[name, 1]])
  const meta = Object.fromEntries([[name, inner]]) as never
  const task = await spawnTask(pool, { cmd: 'sleep 1000', meta })
  expect(text((await task.info()).meta)).toBe(text(meta))
  expect(text((await pool.record(task.pid))?.info.meta)).toBe(text(meta))
  expect((await pool.search({ meta })).map(({ pid }) => pid)).toEqual([task.pid])
  expect((await pool.search((info) => text(info.meta) === text(meta))).map(({ pid }) => pid)).toEqual([task.pid])
  const patch = Object.fromEntries([[name, Object.fromEntries([[name, 2]])]]) as never
  expect(text(await task.applyMeta(patch))).toBe(text(patch))
  expect(text((await pool.record(task.pid))?.info.meta)).toBe(text(patch))
  expect(text(await task.applyMeta(Object.fromEntries([[name, null]])))).toBe('{}')
})
