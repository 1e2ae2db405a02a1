import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { docBlocks, runDocBlock, runnableBlocks } from '../src/docs.js'
import { tempDir } from '../src/index.js'

const packagesDir = resolve(import.meta.dirname, '../..')

describe('docBlocks', () => {
  test('gives language, code and line of each block', () => {
    expect(docBlocks('# T\n\n```ts twoslash\nconst a = 1\n\nf(a)\n```\n\ntext\n\n```\nplain\n```\n')).toEqual([
      { language: 'ts', code: 'const a = 1\n\nf(a)\n', line: 3 },
      { language: '', code: 'plain\n', line: 11 },
    ])
  })

  test('takes the indentation of a block in a list off its code', () => {
    expect(docBlocks('- item\n\n  ```sh\n  if true\n    then echo\n  fi\n  ```\n')).toEqual([
      { language: 'sh', code: 'if true\n  then echo\nfi\n', line: 3 },
    ])
  })

  test('a fence inside a longer fence is text', () => {
    expect(docBlocks('````md\n```ts\nx\n```\n````\n')).toEqual([{ language: 'md', code: '```ts\nx\n```\n', line: 1 }])
  })

  test('a no-run marker exempts the next block only, and gives its reason', () => {
    const blocks = runnableBlocks('<!-- no-run: needs a clone -->\n\n```sh\nnpm test\n```\n\n```sh\ntrue\n```\n')
    expect(blocks.map(({ noRun }) => noRun)).toEqual(['needs a clone', undefined])
  })

  test('blocks for reading are not programs', () => {
    expect(runnableBlocks('```json\n{}\n```\n\n```console\n$ true\n```\n')).toEqual([])
  })
})

describe('runDocBlock', () => {
  const run = (language: string, code: string) => runDocBlock({ language, code, line: 1 }, tempDir(), packagesDir)

  test.for([
    { language: 'ts', code: 'const n: number = await Promise.resolve(7)\nconsole.log(n satisfies number)' },
    { language: 'js', code: "import { writeFileSync } from 'node:fs'\nwriteFileSync('here', '')\nconsole.log(7)" },
    { language: 'sh', code: 'n=7\necho $n' },
  ])('$language: a program that succeeds', async ({ language, code }) => {
    const { exitCode, all } = await run(language, code)
    expect({ exitCode, all }).toEqual({ exitCode: 0, all: '7' })
  })

  test.for([
    { language: 'ts', code: "throw new Error('never')", says: 'Error: never' },
    { language: 'ts', code: "import '@bgtask/no-such-package'", says: 'ERR_MODULE_NOT_FOUND' },
    { language: 'sh', code: 'false\necho not reached', says: '' },
    { language: 'sh', code: 'echo $unset_variable', says: 'unset_variable' },
  ])('$language: fails on $code', async ({ language, code, says }) => {
    const { exitCode, all } = await run(language, code)
    expect(exitCode).toBeGreaterThan(0)
    expect(all).toContain(says)
    expect(all).not.toContain('not reached')
  })

  test('@bgtask packages are the built ones', async () => {
    const { all } = await run('js', "console.log(import.meta.resolve('@bgtask/protocol'))")
    expect(all).toMatch(/packages\/protocol\/dist\/index\.js$/)
  })
})
