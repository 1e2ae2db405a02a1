import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { binary, crate, hasBinary } from './support/native.js'

/** npm takes long to start on a busy machine. */
const PACKING_MS = 120_000

const script = join(crate, 'stage.mjs')

test.runIf(hasBinary())(
  'a package for a platform is packed with the program, its checksum and the notices',
  () => {
    const directory = join(tempDir(), 'package')
    execFileSync(process.execPath, [script, process.arch, binary, directory])
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({
      name: `@bgtask/supervisor-linux-${process.arch}`,
      version: JSON.parse(readFileSync(join(crate, 'package.json'), 'utf8')).version,
      os: ['linux'],
      cpu: [process.arch],
    })
    // Nothing runs when it is installed, and it brings nothing along.
    expect(Object.keys(manifest).filter((key) => /^scripts|ependencies$/.test(key))).toEqual([])
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: directory, encoding: 'utf8' }),
    )
    const files = packed.files.map(({ path, mode }: { path: string; mode: number }) => [path, mode.toString(8)])
    expect(files.sort()).toEqual([
      ['LICENSE', '644'],
      ['NOTICES.md', '644'],
      ['README.md', '644'],
      ['SHA256SUMS', '644'],
      ['bgtask-supervisor', '755'],
      ['package.json', '644'],
    ])
    const program = join(directory, 'bgtask-supervisor')
    const sum = createHash('sha256').update(readFileSync(program)).digest('hex')
    expect(readFileSync(join(directory, 'SHA256SUMS'), 'utf8')).toBe(`${sum}  bgtask-supervisor\n`)
    expect(statSync(program).mode & 0o777).toBe(0o755)
    expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toBe(
      `@bgtask/supervisor-native/${manifest.version}\n`,
    )
  },
  PACKING_MS,
)

test.runIf(hasBinary()).each([
  {
    what: 'a program for another processor',
    args: [process.arch === 'x64' ? 'arm64' : 'x64', binary],
    words: /is not a program for/,
  },
  { what: 'a program that needs a dynamic loader', args: [process.arch, '/bin/true'], words: /is not static/ },
  { what: 'a script', args: [process.arch, script], words: /is not a program for/ },
  { what: 'an architecture without a package', args: ['riscv64', binary], words: /usage/ },
])('$what is refused', ({ args, words }) => {
  const { status, stderr } = spawnSync(process.execPath, [script, ...args, join(tempDir(), 'package')], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(words) })
})
