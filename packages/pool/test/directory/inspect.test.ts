import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { needs, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { TaskPool } from '../../src/index.js'

const poolDirError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR', message: expect.stringMatching(message) })

function directory(mode: number, owner?: { uid: number; gid: number }): string {
  const path = join(tempDir(), 'pool')
  mkdirSync(path)
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
  chmodSync(path, mode)
  return path
}

describe('a path', () => {
  test('is made absolute', () => {
    const path = directory(0o700)
    expect(new TaskPool({ path: relative(process.cwd(), path) }).path).toBe(path)
    expect(new TaskPool({ path: `${path}/` }).path).toBe(path)
  })

  test('whose longest socket has 107 bytes is taken, with one byte more it is not', () => {
    const base = tempDir()
    const fits = 107 - '/4194304.sock'.length
    // Two-byte characters: the limit is of bytes.
    const name = (bytes: number) => 'ü'.repeat(20) + 'x'.repeat(bytes - base.length - 1 - 40)
    const path = join(base, name(fits))
    expect(new TaskPool({ path, mkdirIfMissing: true }).path).toBe(path)
    expect(() => new TaskPool({ path: join(base, name(fits + 1)), mkdirIfMissing: true })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_PATH_TOO_LONG', bytes: 108, limit: 107 }),
    )
  })

  test('of 300 bytes is too long, whether or not it exists', () => {
    expect(() => new TaskPool({ path: `/${'x'.repeat(299)}` })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_PATH_TOO_LONG' }),
    )
  })

  test('of a file is not a directory', () => {
    const path = join(tempDir(), 'file')
    writeFileSync(path, '')
    expect(() => new TaskPool({ path, mkdirIfMissing: true })).toThrow(poolDirError(/is not a directory/))
  })

  test('that ends in a symbolic link is refused, one with a link before is not', () => {
    const base = tempDir()
    mkdirSync(join(base, 'real/pool'), { recursive: true })
    symlinkSync('real', join(base, 'link'))
    symlinkSync('pool', join(base, 'real/pool-link'))
    expect(() => new TaskPool({ path: join(base, 'real/pool-link') })).toThrow(poolDirError(/symbolic link/))
    expect(new TaskPool({ path: join(base, 'link/pool') }).path).toBe(join(base, 'link/pool'))
  })
})

describe('a directory that others can write', () => {
  test.each([0o777, 0o703, 0o722])('is refused with mode %o, and taken with the sticky bit', (mode) => {
    const path = directory(mode)
    expect(() => new TaskPool({ path })).toThrow(poolDirError(/not sticky/))
    chmodSync(path, mode | 0o1000)
    expect(new TaskPool({ path }).path).toBe(path)
  })

  test.runIf(needs('root'))('by its group is refused unless that is the own group, meant, or sticky', () => {
    const path = directory(0o770, { uid: 0, gid: 54321 })
    expect(() => new TaskPool({ path })).toThrow(poolDirError(/group 54321 .*access\.gid/))
    expect(new TaskPool({ path, access: { gid: 54321 } }).path).toBe(path)
    chmodSync(path, 0o1770)
    expect(new TaskPool({ path }).path).toBe(path)
    expect(new TaskPool({ path: directory(0o770) })).toBeInstanceOf(TaskPool)
  })
})

describe('a directory that changes later', () => {
  test('is judged anew at every use', async () => {
    const path = directory(0o700)
    const pool = new TaskPool({ path })
    expect(await pool.search()).toEqual([])
    chmodSync(path, 0o777)
    await expect(pool.search()).rejects.toThrow(poolDirError(/not sticky/))
    chmodSync(path, 0o700)
    renameSync(path, `${path}-moved`)
    await expect(pool.search()).rejects.toThrow(poolDirError(/does not exist/))
    await expect(pool.spawn({ cmd: 'true' })).rejects.toThrow(poolDirError(/does not exist/))
    symlinkSync(`${path}-moved`, path)
    await expect(pool.lost()).rejects.toThrow(poolDirError(/symbolic link/))
  })
})
