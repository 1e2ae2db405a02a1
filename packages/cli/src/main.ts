import { CommanderError } from 'commander'
import { asksForJson, normalized } from './argv.js'
import { describeError, exitCodeOf } from './errors.js'
import { flush, printJson, tell } from './output/print.js'
import { makeProgram } from './program.js'

/**
 * Runs one command. Commands set `process.exitCode`; what they throw is told, on stdout as JSON where that was asked for,
 * and gives the exit code.
 */
export async function main(given: readonly string[]): Promise<void> {
  const argv = normalized(given)
  let json = asksForJson(argv)
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
  // What a command began and nobody waits for any more (a poll, stdin) must not keep the program.
  process.exit()
}

async function report(error: unknown, json: boolean): Promise<void> {
  if (json) await printJson({ error: describeError(error) })
  // Commander has told its own.
  else if (!(error instanceof CommanderError)) tell(describeError(error).message)
  if (process.env.BGTASK_DEBUG) tell(String((error as Error).stack))
}
