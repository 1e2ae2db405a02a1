import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The variable that marks whatever a test run starts: workers get it, and processes inherit it through spawns,
 * supervisors and `setsid`. Its value is the directory under which that run keeps all its temporary directories.
 */
export const RUN_VARIABLE = 'BGTASK_TEST_RUN'

/** The test file that started a process, for the leak report. */
export const FILE_VARIABLE = 'BGTASK_TEST_FILE'

/** Begins a run, in the process that owns it and before that starts its workers. */
export function createRun(): string {
  const root = mkdtempSync(join(tmpdir(), 'bgt-'))
  // Tests that change the user must be able to pass through to a directory that they opened up.
  chmodSync(root, 0o711)
  process.env[RUN_VARIABLE] = root
  return root
}

/** The directory of the run that this worker belongs to. */
export function runRoot(): string {
  const root = process.env[RUN_VARIABLE]
  if (root !== undefined) return root
  throw new Error(
    `${RUN_VARIABLE} is not set: packages/testkit/src/reporter.ts sets it, so a --reporter on the command line must be in addition to that one`,
  )
}

/** Collects what `needs()` found missing; workers append, the reporter reads. */
export function missingFile(root = runRoot()): string {
  return join(root, 'missing')
}
