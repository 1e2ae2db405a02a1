import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needs, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { type MkdirIfMissing, TaskPool } from '../../src/index.js'

const modeOf = (path: string) => statSync(path).mode & 0o7777

describe('a missing directory', () => {
  test('is an error that names the option, and is not made', () => {
    const path = join(tempDir(), 'missing')
    expect(() => new TaskPool({ path })).toThrow(
      expect.objectContaining({
        code: 'ERR_BGTASK_POOL_DIR',
        path,
        message: expect.stringContaining('mkdirIfMissing'),
      }),
    )
    expect(() => new TaskPool({ path, mkdirIfMissing: false })).toThrow(/mkdirIfMissing/)
    expect(() => statSync(path)).toThrow('ENOENT')
  })

  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const forms: [form: MkdirIfMissing, mode: number][] = [
    [true, 0o700],
    [{}, 0o700],
    [{ mode: 0o755 }, 0o755],
    [{ mode: 0o1777 }, 0o1777],
    [{ mode: 0o2750, uid, gid }, 0o2750],
    [[], 0o700],
    [[0o755], 0o755],
    [[0o755, undefined, undefined], 0o755],
    [[0o711, null, null], 0o711],
    [[null, uid, gid], 0o700],
  ]
  test.each(forms)('is made as %j says', (mkdirIfMissing, mode) => {
    const path = join(tempDir(), 'a/b/pool')
    const pool = new TaskPool({ path, mkdirIfMissing })
    expect(pool.path).toBe(path)
    expect(modeOf(path)).toBe(mode)
  })

  // Node's own recursive mkdir never came back from there.
  test('that cannot be made, parents and all, is an error', () => {
    const path = '/proc/missing/pool'
    expect(() => new TaskPool({ path, mkdirIfMissing: true })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR', path }),
    )
  })

  test.each([0o000, 0o022, 0o077, 0o777])('gets its exact mode under umask %o', (umask) => {
    const path = join(tempDir(), 'pool')
    // A thread of the test runner may not set the umask, a fork may.
    const before = process.umask(umask)
    try {
      new TaskPool({ path, mkdirIfMissing: { mode: 0o755 } })
    } finally {
      process.umask(before)
    }
    expect(modeOf(path)).toBe(0o755)
  })

  test.runIf(needs('root'))('gets its owner and group', () => {
    const path = join(tempDir(), 'pool')
    new TaskPool({ path, mkdirIfMissing: { mode: 0o2755, uid: 12345, gid: 54321 } })
    expect(statSync(path)).toMatchObject({ uid: 12345, gid: 54321 })
    expect(modeOf(path)).toBe(0o2755)
  })

  test('under something that is no directory is an error', () => {
    const file = join(tempDir(), 'file')
    writeFileSync(file, '')
    expect(() => new TaskPool({ path: join(file, 'pool'), mkdirIfMissing: true })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR' }),
    )
  })
})

test('a directory that is there keeps its mode', () => {
  const path = join(tempDir(), 'pool')
  mkdirSync(path)
  chmodSync(path, 0o711)
  new TaskPool({ path, mkdirIfMissing: { mode: 0o755 } })
  expect(modeOf(path)).toBe(0o711)
})

describe('what is refused, by the name of the option', () => {
  test.each([
    ['yes', 'mkdirIfMissing'],
    [0o755, 'mkdirIfMissing'],
    [{ mod: 0o755 }, 'mkdirIfMissing.mod'],
    [{ mode: '755' }, 'mkdirIfMissing.mode'],
    [{ mode: 0o10000 }, 'mkdirIfMissing.mode'],
    [{ mode: -1 }, 'mkdirIfMissing.mode'],
    [[0o755, 'root'], 'mkdirIfMissing.uid'],
    [[0o755, 0, 1.5], 'mkdirIfMissing.gid'],
    [[0o755, 0, 0, 0], 'mkdirIfMissing'],
  ])('%j', (mkdirIfMissing, option) => {
    const options = { path: join(tempDir(), 'pool'), mkdirIfMissing } as never
    expect(() => new TaskPool(options)).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option }))
  })
})
