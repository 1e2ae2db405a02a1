import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { recordFileName } from '@bgtask/os'
import { needs, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inspectDirectory, type PoolDirectory } from '../../src/directory/inspect.js'
import { readRecord } from '../../src/directory/record.js'
import { recordOf, writeRecord } from '../support/records.js'

const TASK_ID = '0123456789abcdef'
const record = recordOf(process.pid, { taskId: TASK_ID, meta: { name: 'x' } })

function directory(owners: number[] = []): PoolDirectory {
  return inspectDirectory(tempDir(), { mode: 0o600, gid: null, owners }) as PoolDirectory
}
const pathIn = ({ path }: PoolDirectory) => join(path, recordFileName(process.pid, TASK_ID))
const read = (pool: PoolDirectory) => readRecord(pool, process.pid, TASK_ID)

test('a record is read as it was written', () => {
  const pool = directory()
  const path = writeRecord(pool.path, record)
  expect(read(pool)).toMatchObject({ record, path, ownerUid: process.getuid?.() })
})

test('a record that is gone is undefined', () => {
  expect(read(directory())).toBeUndefined()
})

describe('what is planted under the name of a record', () => {
  type Plant = [title: string, plant: (path: string) => unknown, code: string, message: RegExp]
  const broken = (title: string, part: object): Plant[] => [
    [title, (path) => writeFileSync(path, JSON.stringify({ ...record, ...part })), 'ERR_BGTASK_PROTOCOL', /not valid/],
  ]
  const plants: Plant[] = [
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), 'ERR_BGTASK_PROTOCOL', /not a regular file/],
    ['a directory', (path) => mkdirSync(path), 'ERR_BGTASK_PROTOCOL', /not a regular file/],
    ['a link', (path) => symlinkSync('/etc/hostname', path), 'ERR_BGTASK_PERMISSION', /cannot be opened/],
    ['a device', (path) => symlinkSync('/dev/zero', path), 'ERR_BGTASK_PERMISSION', /cannot be opened/],
    ['nothing', (path) => writeFileSync(path, ''), 'ERR_BGTASK_PROTOCOL', /not JSON/],
    [
      'half a record',
      (path) => writeFileSync(path, JSON.stringify(record).slice(0, 200)),
      'ERR_BGTASK_PROTOCOL',
      /not JSON/,
    ],
    ['other JSON', (path) => writeFileSync(path, '[1, 2]'), 'ERR_BGTASK_PROTOCOL', /not valid/],
    [
      'a record of an unknown version',
      (path) => writeFileSync(path, JSON.stringify({ ...record, v: 2 })),
      'ERR_BGTASK_PROTOCOL',
      /not valid: its version is 2/,
    ],
    ...broken('a supervisor without a start time', { supervisor: { ...record.supervisor, startTime: undefined } }),
    ...broken('a supervisor whose pid is a path', { supervisor: { ...record.supervisor, pid: '../self' } }),
    ...broken('a supervisor of nowhere', { supervisor: { ...record.supervisor, bootId: 1 } }),
    ...broken('a child that is a pid', { child: 7 }),
    ...broken('a child whose pid is a path', { child: { pid: '../self', startTime: 1 } }),
    ...broken('an info that is a list', { info: [] }),
    ['256 KiB and a byte', (path) => sparse(path, 256 * 1024 + 1), 'ERR_BGTASK_PROTOCOL', /more than 262144 bytes/],
    ['a terabyte', (path) => sparse(path, 1024 ** 4), 'ERR_BGTASK_PROTOCOL', /more than 262144 bytes/],
    ['deep nesting', (path) => writeFileSync(path, '['.repeat(100_000)), 'ERR_BGTASK_PROTOCOL', /not JSON/],
    [
      'the record of another pid',
      (path) => writeFileSync(path, JSON.stringify(recordOf(1, { taskId: TASK_ID }))),
      'ERR_BGTASK_PROTOCOL',
      /another task/,
    ],
    [
      'the record of another task',
      (path) => writeFileSync(path, JSON.stringify(recordOf(process.pid))),
      'ERR_BGTASK_PROTOCOL',
      /another task/,
    ],
  ]
  test.each(plants)('%s is not believed', (_, plant, code, message) => {
    const pool = directory()
    plant(pathIn(pool))
    expect(() => read(pool)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  function sparse(path: string, bytes: number): void {
    writeFileSync(path, '')
    truncateSync(path, bytes)
  }

  test('a socket is not believed', async () => {
    const pool = directory()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(pathIn(pool), resolve))
    onTestFinished(() => void server.close())
    expect(() => read(pool)).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_PERMISSION' }))
  })

  test.runIf(needs('root'))('a record of somebody else is not believed, unless the owner is trusted', () => {
    const pool = directory()
    chownSync(writeRecord(pool.path, record), 12345, 12345)
    expect(() => read(pool)).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_PERMISSION' }))
    const trusting = { ...pool, ...inspectDirectory(pool.path, { mode: 0o600, gid: null, owners: [12345] }) }
    expect(read(trusting)).toMatchObject({ ownerUid: 12345 })
  })

  test.each(['"__proto__"', '"\\u005f_proto__"', '"__pr\\u006fto__"'])(
    'a key %s is a key, and changes no object',
    (key) => {
      const pool = directory()
      const text = JSON.stringify(record).replace('"name"', `${key}:{"polluted":1},"name"`)
      writeFileSync(pathIn(pool), text.replace('{"v"', `{${key}:{"polluted":1},"v"`))
      const found = read(pool)?.record
      expect(Object.entries(found?.info.meta ?? {})).toContainEqual(['__proto__', { polluted: 1 }])
      for (const object of [found, found?.info, found?.info.meta, {}]) {
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
        expect((object as { polluted?: number }).polluted).toBeUndefined()
      }
    },
  )
})
