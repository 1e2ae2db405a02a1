import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { crate, hasCargo } from './support/native.js'

/** The first run compiles everything. */
const COMPILING_MS = 300_000

test.runIf(hasCargo())(
  'the tests in Rust pass',
  () => {
    const report = execFileSync('cargo', ['test', '--offline', '--locked', '--quiet'], {
      cwd: crate,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(report).not.toContain('FAILED')
    expect(report).toMatch(/test result: ok/)
  },
  COMPILING_MS,
)
