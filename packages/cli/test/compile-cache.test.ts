import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import { needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { program } from './support/cli.js'

const NODE_CAN = 'enableCompileCache' in module

/** Any other user. */
const STRANGER = 54_321

async function versionWith(env: Record<string, string>): Promise<void> {
  const { stdout, stderr, exitCode } = await runNode(program, ['--version'], {
    env: { NODE_COMPILE_CACHE: '', ...env },
  })
  expect([exitCode, stderr, stdout]).toEqual([0, '', expect.stringMatching(/^\d+\.\d+\.\d+$/)])
}

/** Whether the command keeps, twice, what Node compiles of it in a home directory of that kind; it must run in each. */
async function isKept(prepare: (home: string) => void): Promise<boolean> {
  const home = join(tempDir(), 'home')
  mkdirSync(home, { mode: 0o755 })
  prepare(home)
  for (let round = 0; round < 2; round += 1) await versionWith({ HOME: home })
  const directory = join(home, '.cache/bgtask')
  return existsSync(directory) && readdirSync(directory).length > 0
}

test("the compiled program is kept in the user's own cache directory", async () => {
  expect(await isKept(() => {})).toBe(NODE_CAN)
})

describe('nothing is kept in a home directory', () => {
  test.each<[string, (home: string) => void]>([
    ['that another user may write', (home) => chmodSync(home, 0o777)],
    ['with a cache directory that a group may write', (home) => makeOpen(join(home, '.cache'))],
    ['with a directory of ours that others may write', (home) => makeOpen(join(home, '.cache/bgtask'))],
    ['whose cache directory is a link', (home) => symlinkSync(tempDir(), join(home, '.cache'))],
    ['whose cache directory is a file', (home) => symlinkSync('/dev/null', join(home, '.cache'))],
  ])('%s', async (_, prepare) => {
    expect(await isKept(prepare)).toBe(false)
  })

  test.runIf(needs('root'))('of another user, as under sudo', async () => {
    expect(await isKept((home) => chownSync(home, STRANGER, STRANGER))).toBe(false)
  })

  test('that is missing', async () => {
    const home = join(tempDir(), 'missing')
    await versionWith({ HOME: home })
    expect(existsSync(home)).toBe(false)
  })
})

function makeOpen(directory: string): void {
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o775)
}
