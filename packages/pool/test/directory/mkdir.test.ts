import { chmodSync, chownSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
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

test.each([0o000, 0o077, 0o777])('parents are never wider than 0755, under umask %o', (umask) => {
  const directory = tempDir()
  const before = process.umask(umask)
  try {
    new TaskPool({ path: join(directory, 'a/b/pool'), mkdirIfMissing: { mode: 0o1777 } })
  } finally {
    process.umask(before)
  }
  for (const parent of ['a', 'a/b']) {
    expect(modeOf(join(directory, parent)) & ~0o755).toBe(0)
    expect(modeOf(join(directory, parent)) & 0o700).toBe(0o700)
  }
})

// Somebody who made `/tmp/foo` first, open to all, got to see and to take part in what was meant to be private.
describe('a directory that was there before', () => {
  const [US, SOMEBODY, GROUP] = [process.geteuid?.() ?? 0, 12_345, 0]

  const cases: [by: number, mode: number, asked: MkdirIfMissing, owners: number[], refused: RegExp | undefined][] = [
    [US, 0o700, { mode: 0o755 }, [], undefined],
    [US, 0o755, { mode: 0o700 }, [], /mode 755.*700 of mkdirIfMissing/],
    [US, 0o1777, { mode: 0o700 }, [], /mode 1777/],
    [US, 0o1777, { mode: 0o777 }, [], undefined],
    [US, 0o1777, { mode: 0o700 }, [US], undefined],
    // Without a mode nothing is asked but that nobody else has made it.
    [US, 0o755, true, [], undefined],
    [US, 0o1777, { mode: null }, [], undefined],
    [SOMEBODY, 0o700, true, [], /owned by uid 12345/],
    [SOMEBODY, 0o1777, { mode: 0o1777 }, [], /owned by uid 12345/],
    [SOMEBODY, 0o1777, { mode: 0o700 }, [SOMEBODY], undefined],
    [SOMEBODY, 0o700, { mode: 0o700, uid: SOMEBODY }, [], undefined],
    [SOMEBODY, 0o755, { mode: 0o700, uid: SOMEBODY }, [], /mode 755/],
    [SOMEBODY, 0o755, false, [], undefined],
  ]
  test.runIf(needs('root')).each(cases)(
    'of uid %d and mode %o, for mkdirIfMissing %j and owners %j',
    (by, mode, asked, owners, refused) => {
      const path = join(tempDir(), 'pool')
      mkdirSync(path)
      chmodSync(path, mode)
      chownSync(path, by, GROUP)
      const open = () => new TaskPool({ path, mkdirIfMissing: asked, access: { owners } })
      if (refused === undefined) open()
      else
        expect(open).toThrow(
          expect.objectContaining({ code: 'ERR_BGTASK_POOL_DIR', path, message: expect.stringMatching(refused) }),
        )
      expect(modeOf(path)).toBe(mode)
    },
  )
})

// Only the constructor looked: whoever may write to the parent could put a directory of his own there afterwards, whose owner
// is trusted.
test.runIf(needs('root'))(
  'a directory of another user that takes the place of the one that was made is refused',
  async () => {
    const path = join(tempDir(), 'pool')
    const pool = new TaskPool({ path, mkdirIfMissing: true })
    expect(await pool.search()).toEqual([])
    renameSync(path, `${path}-moved`)
    mkdirSync(path, { mode: 0o700 })
    chownSync(path, 12_345, 0)
    const refused = { code: 'ERR_BGTASK_POOL_DIR', path, message: expect.stringContaining('owned by uid 12345') }
    await expect(pool.search()).rejects.toMatchObject(refused)
    await expect(pool.lost()).rejects.toMatchObject(refused)
    await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject(refused)
  },
)

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
