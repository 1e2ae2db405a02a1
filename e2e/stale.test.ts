import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { markBegin, removeStale } from '../scripts/lib/stale.mjs'

const OLD = new Date('2020-01-01')

// Chunks of earlier builds were packed with the package.
test('a build removes what earlier ones left in dist of a public package, and nothing else', () => {
  const root = tempDir()
  mkdirSync(join(root, 'node_modules'))
  const file = (path: string, time?: Date): string => {
    const whole = join(root, 'packages', path)
    mkdirSync(join(whole, '..'), { recursive: true })
    writeFileSync(whole, path.endsWith('.json') ? JSON.stringify({ private: path.startsWith('hidden') }) : '')
    if (time !== undefined) utimesSync(whole, time, time)
    return whole
  }
  const kept = [
    file('a/package.json', OLD),
    file('hidden/package.json', OLD),
    file('hidden/dist/x.js', OLD),
    file('a/src/x.ts', OLD),
  ]
  const stale = [file('a/dist/chunk-OLD.js', OLD), file('a/dist/deep/chunk.js', OLD)]
  markBegin(root)
  kept.push(file('a/dist/chunk-NEW.js'))
  expect(removeStale(root).sort()).toEqual(stale)
  expect(stale.filter((path) => existsSync(path))).toEqual([])
  expect(kept.filter((path) => !existsSync(path))).toEqual([])
})
