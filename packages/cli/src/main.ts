import { CommanderError } from 'commander'
import { normalizeArgv, requestsJson } from './argv.js'
import { describeError, exitCodeOf } from './errors.js'
import { flush, printJson, printMessage } from './output/print.js'
import { makeProgram } from './program.js'

/**
 * Runs one command. Commands set `process.exitCode`; an error that they throw is reported (with `--json` on stdout) and
 * determines the exit code.
 */
export async function main(given: readonly string[]): Promise<void> {
  const argv = normalizeArgv(given)
  let json = requestsJson(argv)
  try {
    const program = await makeProgram(argv, { showErrors: !json })
    program.hook('preAction', (_, command) => {
      if (program.opts().json) command.setOptionValue('json', true)
      json = command.getOptionValue('json') === true
    })
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    process.exitCode = exitCodeOf(error)
    if (process.exitCode !== 0) await report(error, json)
  }
  await flush()
  // Pending work that is no longer awaited (a poll, stdin) must not keep the process alive.
  process.exit()
}

async function report(error: unknown, json: boolean): Promise<void> {
  if (json) await printJson({ error: describeError(error) })
  // Commander has already printed its own errors.
  else if (!(error instanceof CommanderError)) printMessage(describeError(error).message)
  if (process.env.BGTASK_DEBUG) printMessage(String((error as Error).stack))
}
