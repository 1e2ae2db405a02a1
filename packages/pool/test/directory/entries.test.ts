import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { listEntries } from '../../src/directory/entries.js'

const directory = (path: string) => ({ path, at: (name: string) => join(path, name) })

test("a directory is told by pid, and what is not the pool's is left out", () => {
  const path = tempDir()
  const names = [
    '20.sock',
    '20.out',
    '20.0123456789abcdef.json',
    '20.fedcba9876543210.json',
    '.20.s',
    '.20.aB3dE6',
    '3.sock',
  ]
  const others = [
    '0.sock',
    '03.sock',
    'x.sock',
    '4.sock.bak',
    '5.short.json',
    '.sock',
    '99999999999.sock',
    'README',
    '.20.json',
  ]
  for (const name of [...names, ...others]) writeFileSync(join(path, name), '')
  mkdirSync(join(path, 'sub'))
  expect(listEntries(directory(path))).toEqual([
    { pid: 3, hasSocket: true, hasLog: false, taskIds: [], temporaries: [] },
    {
      pid: 20,
      hasSocket: true,
      hasLog: true,
      taskIds: expect.arrayContaining(['0123456789abcdef', 'fedcba9876543210']),
      temporaries: expect.arrayContaining(['.20.s', '.20.aB3dE6']),
    },
  ])
})

test("a directory that is gone is an error of the pool's directory", () => {
  expect(() => listEntries(directory(join(tempDir(), 'gone')))).toThrow(
    expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR' }),
  )
})
