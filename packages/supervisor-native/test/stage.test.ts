import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { binary, crate, hasBinary } from './support/native.js'

const script = join(crate, 'stage.mjs')
const other = process.arch === 'x64' ? 'arm64' : 'x64'

test.runIf(hasBinary()).each([
  { what: 'a program for another processor', args: [other, binary], words: /is not a program for/ },
  { what: 'a program that needs a dynamic loader', args: [process.arch, '/bin/true'], words: /is not static/ },
  { what: 'a script', args: [process.arch, script], words: /is not a program for/ },
  { what: 'an architecture without a package', args: ['riscv64', binary], words: /usage/ },
])('$what is not put into the package of a platform', ({ args, words }) => {
  const directory = tempDir()
  const { status, stderr } = spawnSync(process.execPath, [script, ...args, directory], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(words) })
  expect(readdirSync(directory)).toEqual([])
})

test('the program and the packages of the platforms have one version', () => {
  const manifests = [crate, ...['x64', 'arm64'].map((arch) => join(crate, `../supervisor-linux-${arch}`))]
  const versions = manifests.map(
    (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version,
  )
  const [, ofProgram] = /^version = "(.*)"$/m.exec(readFileSync(join(crate, 'Cargo.toml'), 'utf8')) ?? []
  expect(new Set([...versions, ofProgram]).size).toBe(1)
})
