import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { publicPackages } from '../scripts/public-packages.mjs'

const CHECK = join(import.meta.dirname, '../scripts/check-addresses.mjs')
const ADDRESSES = {
  repository: { type: 'git', url: 'git+https://example.org/bgtask.git' },
  homepage: 'https://example.org/bgtask',
  bugs: { url: 'https://example.org/bgtask/issues' },
}

test('publishing is allowed if the root manifest has all addresses', async () => {
  expect(await check(ADDRESSES)).toEqual({ exitCode: 0, stderr: '' })
})

test.each([
  ['repository', null],
  ['homepage', undefined],
  ['homepage', ''],
  ['bugs', { url: 'to be decided' }],
  ['bugs', 'http://example.org'],
])('publishing is refused if %s is %j', async (field, value) => {
  const { exitCode, stderr } = await check({ ...ADDRESSES, [field]: value })
  expect(exitCode).toBe(1)
  expect(stderr).toContain(`has ${field}:`)
})

test('each public package refuses to be published without them, and names none of its own', () => {
  const manifests = publicPackages().map(({ directory }) =>
    JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')),
  )
  expect(manifests.length).toBeGreaterThan(6)
  for (const { name, scripts, repository, homepage, bugs } of manifests) {
    expect({ name, scripts }).toMatchObject({ scripts: { prepublishOnly: 'node ../../scripts/check-addresses.mjs' } })
    expect({ name, repository, homepage, bugs }).toEqual({ name })
  }
})

async function check(manifest: object) {
  const file = join(tempDir(), 'package.json')
  writeFileSync(file, JSON.stringify(manifest))
  const { exitCode, stderr } = await runNode(CHECK, [file])
  return { exitCode, stderr }
}
