import type { TaskInfo } from '@bgtask/protocol'
import { taskSlots } from '../at-once.js'
import { describeError, type ErrorDescription, EXIT } from '../errors.js'
import { openPoolIfAny, type PoolOption } from '../open-pool.js'
import { print, printJson, printMessage } from '../output/print.js'
import { removeTarget } from '../remove.js'
import { allTargets, hasEnded, type Target } from '../targets.js'
import { count, duration, examples, poolCommand, size } from './common.js'

export function pruneCommand() {
  return poolCommand('prune')
    .description('remove tasks that have ended, all of them unless limited, and files of dead supervisors')
    .option('--older-than <duration>', 'remove only tasks that ended at least this long ago', duration)
    .option('--keep <count>', 'keep this number of ended tasks, the newest ones', count)
    .option('--max-total <size>', 'keep the newest ended tasks whose output is this large in all', size)
    .option('--dry-run', 'print what would be removed, and remove nothing')
    .addHelpText('after', examples('bgtask prune --older-than 7d', 'bgtask prune --keep 100 --max-total 1G'))
    .action(prune)
}

interface PruneOptions extends PoolOption {
  readonly json?: boolean
  readonly olderThan?: number
  readonly keep?: number
  readonly maxTotal?: number
  readonly dryRun?: boolean
}

async function prune({ dryRun = false, json, ...options }: PruneOptions): Promise<void> {
  const pool = openPoolIfAny(options)
  const due = pool === undefined ? [] : dueOf(await allTargets(pool), options)
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
  const files = dryRun || pool === undefined ? [] : await pool.sweep({ olderThanMs: options.olderThan })
  if (json) return printJson({ removed: ids, files, failed })
  for (const { message } of failed) printMessage(message)
  for (const id of ids) await print(String(id))
}

/** The ended tasks that exceed a limit; all of them without limits. */
function dueOf(targets: readonly Target[], { olderThan, keep, maxTotal }: PruneOptions): Target[] {
  const hasLimit = olderThan !== undefined || keep !== undefined || maxTotal !== undefined
  const latest = Date.now() - (olderThan ?? Number.POSITIVE_INFINITY)
  const ended = targets.filter(({ info }) => hasEnded(info)).sort((a, b) => endedAt(b.info) - endedAt(a.info))
  let bytes = 0
  const due = ended.filter(({ info }, place) => {
    bytes += keptBytes(info)
    const exceeds = endedAt(info) <= latest || place >= (keep ?? ended.length) || bytes > (maxTotal ?? Infinity)
    // `run --rm` marks tasks that are removed as soon as they have ended.
    return !hasLimit || exceeds || info.meta?.rm === true
  })
  return due.reverse()
}

/** Bytes of output that a retired task keeps; what a supervisor keeps ends with it. */
function keptBytes({ streams }: Target['info']): number {
  const { 1: stdout, 2: stderr } = { ...(streams as Partial<TaskInfo['streams']>) }
  return [stdout, stderr].reduce((sum, stream) => sum + (stream?.endOffset ?? 0) - (stream?.firstOffset ?? 0), 0)
}

/** When the task ended; if its supervisor died, when it was last known to be alive. */
function endedAt({ exitedAt, startedAt, createdAt }: Target['info']): number {
  return exitedAt ?? startedAt ?? createdAt ?? 0
}
