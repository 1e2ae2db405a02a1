import { unlessAborted } from '../waiting.js'
import { ClientBench } from './bench.js'
import type { ClientCheck } from './check.js'
import { launcherChecks } from './launcher-checks.js'
import { readerChecks } from './reader-checks.js'

/** Checks of launchers and readers, in the order of the documents. */
export const clientChecks: readonly ClientCheck[] = [...launcherChecks, ...readerChecks]

/** Runs one of them with a driver; rejects with what the driver does instead. */
export async function runClientCheck(
  check: ClientCheck,
  driverCmd: readonly string[],
  signal?: AbortSignal,
): Promise<object> {
  const bench = new ClientBench(driverCmd)
  try {
    await unlessAborted(check.run(bench), signal)
    return {}
  } finally {
    await bench.end()
  }
}
