import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { endAll } from './processes.mjs'

/** Inherited by everything that a run starts, so that all of it can be found whatever became of it. */
const RUN_VARIABLE = 'BGTASK_BENCH_RUN'

const run = randomBytes(8).toString('hex')
let root
let ending

/** A fresh directory that goes with the run. */
export const temporaryDirectory = () => mkdtempSync(join(root, 'd'))

/**
 * Runs a benchmark program: `main` gives the exit status. Whatever ends it (its end, an error, a signal), every process that
 * it started is ended and every temporary directory removed before this process exits.
 */
export async function runBenchmark(main) {
  root = mkdtempSync(join(tmpdir(), 'bgb-'))
  // What is killed cannot remove its own temporary files.
  Object.assign(process.env, { [RUN_VARIABLE]: run, TMPDIR: root })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(128 + constants.signals[signal]))
  process.on('uncaughtException', fail)
  await main().then(end, fail)
}

function fail(error) {
  // What fails because everything is being ended is no news.
  if (ending === undefined) console.error(error)
  return end(1)
}

function end(exitCode) {
  ending ??= endAll(RUN_VARIABLE, run).then(() => {
    // In the same turn as the last look, so that nothing more can be started.
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    process.exit(exitCode)
  })
  return ending
}
