import type { WaitedExit } from '@bgtask/client'
import { CliError, describeError, exitCodeOf } from '../errors.js'
import { exitCodeOfTask, exitFacts } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { goOnWithoutReader, print, printJson, tell } from '../output/print.js'
import { findTargets, type Target } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'

export function waitCommand() {
  return poolCommand('wait')
    .description('wait until tasks have ended, print "id code" of each, and exit with the code')
    .argument('<id...>', 'of several, the exit code is that of the first in this order that is not 0')
    .option('--any', 'wait for the first one only, and exit with its code')
    .option('--timeout <duration>', 'wait no longer; exit code 124', duration)
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
  goOnWithoutReader()
  const targets = await findTargets(openPool(options), ids)
  const ends = targets.map((target) => codeOf(target, options))
  const codes = options.any ? [await Promise.race(ends)] : await Promise.all(ends)
  process.exitCode = codes.find((code) => code !== 0) ?? 0
}

/** Waits for one, and tells how it ended, or why that cannot be known. */
async function codeOf(target: Target, options: WaitOptions): Promise<number> {
  try {
    const exit = await endOf(target, options)
    const code = exitCodeOfTask(exit)
    if (options.json) await printJson({ id: target.id, ...exitFacts(exit) })
    else await print(options.quiet ? String(target.id) : `${target.id} ${code}`)
    return code
  } catch (error) {
    if (options.json) await printJson({ id: target.id, error: describeError(error) })
    else tell(describeError(error).message)
    return exitCodeOf(error)
  }
}

async function endOf({ id, info, task }: Target, { timeout }: WaitOptions): Promise<WaitedExit> {
  if (task !== undefined) return task.wait({ timeoutMs: timeout })
  // Of a task that lost its supervisor only what was on record before is known.
  if (info.state === 'lost' && info.exitStatus !== null) return { ...info.exitStatus, run: info.run }
  const message = `task ${id} is ${info.state}: its supervisor died, so nobody knows how it ends`
  throw new CliError('ERR_BGTASK_TASK_STATE', message, { id, state: info.state })
}
