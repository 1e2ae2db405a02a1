import { existsSync, readFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { endRun } from './leaks.js'
import { createRun, missingFile } from './run.js'

/**
 * Begins and ends a test run: marks what it starts, then tells what was left out for want of a program and what was
 * left behind (which fails the run), and prints `N passed, N failed, N skipped` alone on the last line.
 */
export class RunReporter implements Reporter {
  private root = ''
  private readonly graceMs: number

  /** `graceMs`: time for what was told to end to be gone, as an exit is announced before the process has ended. */
  constructor({ graceMs = 3000 }: { graceMs?: number } = {}) {
    this.graceMs = graceMs
  }

  onInit(): void {
    this.root = createRun()
  }

  async onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: string): Promise<void> {
    const missing = readMissing(this.root)
    const leaks = await endRun(this.root, this.graceMs)
    if (missing.length > 0) console.log(block('Left out, because this machine lacks', missing))
    if (leaks.length > 0) {
      console.log(block('LEFT BEHIND by the tests, now killed and removed', leaks))
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

function block(title: string, lines: string[]): string {
  return `\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`
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
