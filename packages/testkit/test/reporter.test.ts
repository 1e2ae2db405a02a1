import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { eventually, isAlive, tempDir } from '../src/index.js'

const config = resolve(import.meta.dirname, 'fixtures/leaky/vitest.config.ts')
const vitest = resolve(import.meta.dirname, '../node_modules/vitest/vitest.mjs')

test('a process that carries the mark fails the run, is named with its file, and is killed', async () => {
  const { exitCode, output, leaks } = await runLeaky('mark')
  expect(exitCode).toBe(1)
  expect(leaks).toHaveLength(1)
  expect(leaks[0]).toMatch(/^pid \d+: sleep 1001 \(cwd \/, started by .*mark\.leaky\.ts\)$/)
  expect(output.at(-1)).toBe('1 passed, 1 failed, 0 skipped')
  const pid = Number(/\d+/.exec(leaks[0] ?? '')?.[0])
  expect(await eventually(() => !isAlive(pid))).toBe(true)
})

test('so do processes without the mark and directories that stay, and all of it goes', async () => {
  const { exitCode, leaks, temporary } = await runLeaky('place')
  expect(exitCode).toBe(1)
  // Which pid comes first is not given.
  expect(leaks.map((leak) => leak.replace(/^pid \d+/, 'pid N')).sort()).toEqual([
    expect.stringMatching(/^directory .*\/bgt-\w+\/\w+$/),
    expect.stringMatching(/^directory .*\/bgt-\w+\/\w+$/),
    expect.stringMatching(/^pid N: .*listen.* \(cwd \/\)$/),
    expect.stringMatching(/^pid N: sleep 1002 \(cwd .*\/bgt-\w+\/\w+\)$/),
  ])
  expect(readdirSync(temporary)).toEqual([])
})

test('a clean run passes and tells what it left out and how to get it', async () => {
  const { exitCode, output } = await runLeaky('clean', { PATH: '/nonexistent' })
  expect(output.slice(-4)).toEqual([
    'Left out, because this machine lacks:',
    '  nvim: apt-get install -y --no-install-recommends neovim',
    '',
    '1 passed, 0 failed, 1 skipped',
  ])
  expect(exitCode).toBe(0)
})

test('in CI what a test needs must be there', async () => {
  const { exitCode, output } = await runLeaky('clean', { PATH: '/nonexistent', CI: 'true' })
  expect(exitCode).toBe(1)
  expect(output.join('\n')).toContain('These tests need nvim (apt-get install -y --no-install-recommends neovim)')
  expect(output.at(-1)).toBe('0 passed, 1 failed, 0 skipped')
})

test('a run with another reporter is accounted for too', async () => {
  const { exitCode, leaks, temporary } = await runLeaky('mark', {}, '--reporter=dot')
  expect(exitCode).toBe(1)
  expect(leaks).toEqual([expect.stringMatching(/^pid \d+: sleep 1001 /)])
  expect(readdirSync(temporary)).toEqual([])
})

test.each([
  { from: 'the top', directory: '../../..', file: 'packages/testkit/test/eventually.test.ts' },
  { from: "a package's directory", directory: '..', file: 'test/eventually.test.ts' },
])('tests can be listed and run by a plain vitest from $from', { timeout: 120_000 }, async ({ directory, file }) => {
  const options = {
    cwd: resolve(import.meta.dirname, directory),
    env: { NO_COLOR: '1' },
    lines: true,
    timeout: 50_000,
  } as const
  const listed = await execa(process.execPath, [vitest, 'list', file], options)
  const tests = listed.stdout.filter((line) => line.startsWith('[testkit] test/eventually.test.ts > '))
  expect(tests).not.toEqual([])
  const run = await execa(process.execPath, [vitest, 'run', file], options)
  expect(run.stdout.at(-1)).toBe(`${tests.length} passed, 0 failed, 0 skipped`)
})

async function runLeaky(file: string, env: Record<string, string> = {}, ...args: string[]) {
  const temporary = tempDir()
  const { exitCode, all } = await execa(process.execPath, [vitest, 'run', '--config', config, ...args, file], {
    env: { CI: '', ...env, TMPDIR: temporary, NO_COLOR: '1' },
    reject: false,
    all: true,
    lines: true,
  })
  const title = all.indexOf('LEFT BEHIND by the tests, now killed and removed:')
  const leaks =
    title < 0
      ? []
      : all
          .slice(title + 1)
          .filter((line) => /^ {2}(pid|directory) /.test(line))
          .map((line) => line.trim())
  return { exitCode, output: all, leaks, temporary }
}
