import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { needs, pathOf } from '../src/index.js'
import { NEEDS, type NeedName } from '../src/needs.js'

test('what this machine has is there, by its path', () => {
  for (const name of Object.keys(NEEDS) as NeedName[]) {
    if (NEEDS[name].find() !== undefined) expect([needs(name), existsSync(pathOf(name))]).toEqual([true, true])
  }
})

test('CI installs each package that a test may need', () => {
  const script = readFileSync(resolve(import.meta.dirname, '../../../scripts/install-test-needs.sh'), 'utf8')
  const installed = /^packages='(.*)'$/m.exec(script)?.[1]?.split(' ')
  const needed = Object.values(NEEDS).flatMap(({ install }) => /^apt-get .* (\S+)$/.exec(install)?.[1] ?? [])
  expect(new Set(installed)).toEqual(new Set(needed))
})
