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

const OWNED = Symbol.for('bgtask.test.run')

/** Each project of vitest loads this module again. A test that runs vitest hands its own run down in the environment. */
const owner = globalThis as { [OWNED]?: string }

/** Begins a run, in the process that starts the workers and before it does. */
export function createRun(): string {
  const root = mkdtempSync(join(tmpdir(), 'bgt-'))
  // Tests that change the user must be able to pass through to a directory that they opened up.
  chmodSync(root, 0o711)
  process.env[RUN_VARIABLE] = root
  owner[OWNED] = root
  return root
}

/** The directory of the run that this process began. */
export function ownRun(): string | undefined {
  return owner[OWNED]
}

/** The directory of the run that this worker belongs to. */
export function runRoot(): string {
  const root = process.env[RUN_VARIABLE]
  if (root !== undefined) return root
  throw new Error(
    `${RUN_VARIABLE} is not set: the configuration of vitest lacks globalSetup packages/testkit/src/global-setup.ts`,
  )
}

/** Collects what `needs()` found missing; workers append, the reporter reads. */
export function missingFile(root = runRoot()): string {
  return join(root, 'missing')
}

/** What `reachable()` has copied, for all files of a run. */
export function sharedDirectory(root = runRoot()): string {
  return join(root, 'shared')
}
