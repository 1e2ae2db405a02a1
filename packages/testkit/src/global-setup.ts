import { rmSync } from 'node:fs'
import { endRun, LEFT_BEHIND } from './leaks.js'
import { block } from './report.js'
import { createRun, ownRun } from './run.js'

/**
 * Marks what a test run starts, before its first worker is there, whatever runs the tests and reports of them (`globalSetup` of
 * vitest). Each project has it, one begins the run.
 *
 * @returns ends the run. The reporter has accounted for it before; where another one was chosen, it is accounted for here.
 */
export default function beginRun(): (() => Promise<void>) | undefined {
  if (ownRun() !== undefined) return undefined
  const root = createRun()
  return async () => {
    const leaks = await endRun(root)
    rmSync(root, { recursive: true, force: true })
    if (leaks.length === 0) return
    console.log(block(LEFT_BEHIND, leaks))
    process.exitCode = 1
  }
}
