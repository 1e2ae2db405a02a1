import type { WaitedExit } from '@bgtask/client'
import { CliError, describeError, exitCodeOf } from '../errors.js'
import { exitCodeOfTask, exitFields } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { continueWithoutReader, print, printJson, printMessage } from '../output/print.js'
import { findTargets, type Target } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'

export function waitCommand() {
  return poolCommand('wait')
    .description('wait until tasks have ended, print "id code" for each, and exit with the code')
    .argument('<id...>', 'with several ids, the exit code is the first one that is not 0, in this order')
    .option('--any', 'wait only for the first task to end, and exit with its code')
    .option('--timeout <duration>', 'stop waiting after this long; exit code 124', duration)
    .option('-q, --quiet', 'print ids only')
    .addHelpText('after', examples('bgtask wait build test', 'bgtask wait --any --timeout 10m @last'))
    .action(wait)
}

interface WaitOptions extends PoolOption {
  readonly json?: boolean
  readonly any?: boolean
  readonly timeout?: number
  readonly quiet?: boolean
}

async function wait(ids: readonly string[], options: WaitOptions): Promise<void> {
  continueWithoutReader()
  const targets = await findTargets(openPool(options), ids)
  const ends = targets.map((target) => codeOf(target, options))
  const codes = options.any ? [await Promise.race(ends)] : await Promise.all(ends)
  process.exitCode = codes.find((code) => code !== 0) ?? 0
}

/** Waits for one task and prints its exit code, or why that is unknown. */
async function codeOf(target: Target, options: WaitOptions): Promise<number> {
  try {
    const exit = await endOf(target, options)
    const code = exitCodeOfTask(exit)
    if (options.json) await printJson({ id: target.id, ...exitFields(exit) })
    else await print(options.quiet ? String(target.id) : `${target.id} ${code}`)
    return code
  } catch (error) {
    if (options.json) await printJson({ id: target.id, error: describeError(error) })
    else printMessage(describeError(error).message)
    return exitCodeOf(error)
  }
}

async function endOf({ id, info, task }: Target, { timeout }: WaitOptions): Promise<WaitedExit> {
  if (task !== undefined) return task.wait({ timeoutMs: timeout })
  // Without a supervisor, only an exit that was recorded before is known.
  if (info.state === 'lost' && info.exitStatus !== null) return { ...info.exitStatus, run: info.run }
  const message = `task ${id} is ${info.state}: its supervisor died, so its exit code is unknown`
  throw new CliError('ERR_BGTASK_TASK_STATE', message, { id, state: info.state })
}
