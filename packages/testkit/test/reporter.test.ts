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

async function runLeaky(file: string, env: Record<string, string> = {}) {
  const temporary = tempDir()
  const { exitCode, all } = await execa(process.execPath, [vitest, 'run', '--config', config, file], {
    env: { CI: '', ...env, TMPDIR: temporary, NO_COLOR: '1' },
    reject: false,
    all: true,
    lines: true,
  })
  const title = all.indexOf('LEFT BEHIND by the tests, now killed and removed:')
  const leaks = title < 0 ? [] : all.slice(title + 1, all.indexOf('', title)).map((line) => line.trim())
  return { exitCode, output: all, leaks, temporary }
}
