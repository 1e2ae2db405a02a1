import { taskSlots } from '../at-once.js'
import { describeError, type ErrorDescription, EXIT } from '../errors.js'
import { openPoolIfAny, type PoolOption } from '../open-pool.js'
import { print, printJson, printMessage } from '../output/print.js'
import { removeTarget } from '../remove.js'
import { allTargets, hasEnded, type Target } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'

export function pruneCommand() {
  return poolCommand('prune')
    .description('remove all tasks that have ended, and files of dead supervisors')
    .option('--older-than <duration>', 'remove only tasks that ended at least this long ago', duration)
    .option('--dry-run', 'print what would be removed, and remove nothing')
    .addHelpText('after', examples('bgtask prune --older-than 7d'))
    .action(prune)
}

interface PruneOptions extends PoolOption {
  readonly json?: boolean
  readonly olderThan?: number
  readonly dryRun?: boolean
}

async function prune({ olderThan = 0, dryRun = false, json, ...options }: PruneOptions): Promise<void> {
  const pool = openPoolIfAny(options)
  const latest = Date.now() - olderThan
  // `run --rm` marks tasks that are removed as soon as they have ended.
  const isDue = ({ info }: Target) => hasEnded(info) && (info.meta?.rm === true || endedAt(info) <= latest)
  const due = pool === undefined ? [] : (await allTargets(pool)).filter(isDue)
  const removed = new Set<Target>()
  const failed: ErrorDescription[] = []
  const remove = async (target: Target) => {
    try {
      if (!dryRun) await removeTarget(target)
      removed.add(target)
    } catch (error) {
      process.exitCode = EXIT.failure
      failed.push(describeError(error))
    }
  }
  const atOnce = taskSlots()
  await Promise.all(due.map((target) => atOnce.run(() => remove(target))))
  const ids = due.filter((target) => removed.has(target)).map(({ id }) => id)
  const files = dryRun || pool === undefined ? [] : await pool.sweep({ olderThanMs: olderThan })
  if (json) return printJson({ removed: ids, files, failed })
  for (const { message } of failed) printMessage(message)
  for (const id of ids) await print(String(id))
}

/** When the task ended; if its supervisor died, when it was last known to be alive. */
function endedAt({ exitedAt, startedAt, createdAt }: Target['info']): number {
  return exitedAt ?? startedAt ?? createdAt ?? 0
}
