import { execFile } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'

const packages = resolve(import.meta.dirname, '../..')

/** The published package and its runtime dependencies. */
const NAMES = ['cli', 'supervisor', 'protocol']

test('bgtask works when packed and installed into an empty project', { timeout: 300_000 }, async () => {
  const directory = tempDir()
  const env = {
    ...process.env,
    BGTASK_TASKPOOL_PATH: join(directory, 'p'),
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS,
  }
  const run = async (program: string, args: readonly string[], cwd = directory) =>
    (await promisify(execFile)(program, args, { cwd, env })).stdout.trim()
  for (const name of NAMES) {
    await run('npx', ['--yes', 'pnpm@12.21.0', 'pack', '--pack-destination', directory], join(packages, name))
  }
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  const tarballs = readdirSync(directory).filter((name) => name.endsWith('.tgz'))
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs.map((name) => `./${name}`)])
  const bgtask = join(directory, 'node_modules/.bin/bgtask')
  const id = await run(bgtask, ['run', '--ready', 'hello', '--', 'sh', '-c', 'echo hello; exec cat'])
  expect(await run(bgtask, ['logs', id])).toBe('hello')
  expect(await run(bgtask, ['rm', '-f', '@last'])).toBe(id)
  expect(await run(bgtask, ['ls', '-aq'])).toBe('')
  // Bundled packages are not installed again.
  expect(readdirSync(join(directory, 'node_modules/@bgtask')).sort()).toEqual(['cli', 'protocol', 'supervisor'])
})
