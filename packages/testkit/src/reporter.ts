import { existsSync, readFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { endRun, LEFT_BEHIND } from './leaks.js'
import { block } from './report.js'
import { missingFile, ownRun } from './run.js'

/**
 * Accounts for a test run: tells what was left out for want of a program and what was left behind (which fails the run), and
 * prints `N passed, N failed, N skipped` alone on the last line.
 */
export class RunReporter implements Reporter {
  private readonly graceMs: number | undefined

  constructor({ graceMs }: { graceMs?: number } = {}) {
    this.graceMs = graceMs
  }

  async onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: string): Promise<void> {
    const root = ownRun()
    // Without a file to run there was no run.
    const missing = root === undefined ? [] : readMissing(root)
    const leaks = root === undefined ? [] : await endRun(root, this.graceMs)
    if (missing.length > 0) console.log(block('Left out, because this machine lacks', missing))
    if (leaks.length > 0) {
      console.log(block(LEFT_BEHIND, leaks))
      process.exitCode = 1
    }
    const counts = count(modules)
    counts.failed += errors.length + leaks.length
    if (reason !== 'passed') counts.failed = Math.max(counts.failed, 1)
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

function readMissing(root: string): string[] {
  const file = missingFile(root)
  return existsSync(file) ? [...new Set(readFileSync(file, 'utf8').trim().split('\n'))].sort() : []
}

function count(modules: readonly TestModule[]): Record<'passed' | 'failed' | 'skipped', number> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    // A file that cannot be loaded has no tests to fail.
    counts.failed += module.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'pending' ? 'skipped' : state] += 1
    }
  }
  return counts
}
