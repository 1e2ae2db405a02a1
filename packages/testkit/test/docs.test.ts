import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runDocBlock, runnableBlocks } from '../src/docs.js'
import { tempDir } from '../src/index.js'

const root = resolve(import.meta.dirname, '../../..')
const packagesDir = join(root, 'packages')

const docs = [
  ...readdirSync(packagesDir).map((name) => `packages/${name}/README.md`),
  ...markdownIn('.'),
  ...markdownIn('docs'),
  ...markdownIn('docs/guide'),
].filter((file) => existsSync(join(root, file)))

describe.for(docs)('%s', (file) => {
  const blocks = runnableBlocks(readFileSync(join(root, file), 'utf8'))
  const toRun = blocks.filter(({ noRun }) => noRun === undefined)

  test.for(toRun)('the $language block in line $line runs', async (block) => {
    const { exitCode, all } = await runDocBlock(block, tempDir(), packagesDir)
    expect(exitCode, `${file}:${block.line}\n${all}`).toBe(0)
  })

  test('blocks that are not run say why', () => {
    const reasons = blocks.map(({ noRun }) => noRun).filter((reason) => reason !== undefined)
    expect(reasons.filter((reason) => reason.length < 10)).toEqual([])
  })
})

function markdownIn(directory: string): string[] {
  if (!existsSync(join(root, directory))) return []
  return readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name))
}
