import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const document = readFileSync(join(import.meta.dirname, '../../docs/seed-coverage.md'), 'utf8')

/** The table of sentences, without its head. */
const rows = document
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
const mapped = [...new Set(rows.flatMap(testsIn))]

describe('docs/seed-coverage.md', () => {
  test('has a test for every sentence', () => {
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.filter((row) => testsIn(row).length === 0)).toEqual([])
  })

  test('names tests that exist, and each of this directory', () => {
    expect([...mapped].sort()).toEqual(definedTests().sort())
  })
})

/** Names such as `lock.test.ts › held by another task` in a row of the table. */
function testsIn(row: string): string[] {
  return [...row.matchAll(/`([\w-]+\.test\.ts › [^`]+)`/g)].map(([, name = '']) => name)
}

function definedTests(): string[] {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
  return files
    .filter((file) => file !== 'coverage.test.ts')
    .flatMap((file) => {
      const source = readFileSync(join(import.meta.dirname, file), 'utf8')
      // `test('title', () =>`, `test.for(ROWS)('title', async (row) =>`, or the end of rows, `])('title', (row) =>`.
      const calls = source.matchAll(/^ *(?!describe)(?:test.*|\S*\))\(\s*(['"])(.+?)\1,\s*(?:async )?\(/gm)
      return [...calls].map(([, , title]) => `${file} › ${title}`)
    })
}
