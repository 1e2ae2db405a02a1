import type { TaskPool } from '@bgtask/pool'
import type { RecordedInfo } from '@bgtask/protocol'
import { describeError } from '../errors.js'
import { matchesMeta } from '../meta.js'
import { openPool, openPoolIfAny, type PoolOption } from '../open-pool.js'
import { print, printJson, tell } from '../output/print.js'
import { allTargets, hasEnded, type Target } from '../targets.js'
import { taskTable } from '../text/task-table.js'
import { examples, poolCommand, several } from './common.js'

export function lsCommand() {
  return poolCommand('ls')
    .description('list tasks that run')
    .option('-a, --all', 'those too that ended, or lost their supervisor')
    .option('-m, --meta <key=value>', 'those with this in their meta (several)', several)
    .option('-q, --quiet', 'print ids only')
    .option('-w, --watch', 'go on and tell what changes, line by line')
    .addHelpText('after', examples('bgtask ls -a --meta queue=mail', 'bgtask kill $(bgtask ls -q)'))
    .action(ls)
}

interface LsOptions extends PoolOption {
  readonly json?: boolean
  readonly all?: boolean
  readonly meta?: readonly string[]
  readonly quiet?: boolean
  readonly watch?: boolean
}

async function ls(options: LsOptions): Promise<void> {
  const isShown = (info: RecordedInfo) => (options.all || isRunning(info)) && matchesMeta(info.meta, options.meta ?? [])
  if (options.watch) return watch(openPool(options), isShown, options)
  const skipped: object[] = []
  const shown = (await targetsOf(options, skipped)).filter(({ info }) => isShown(info))
  if (options.json) return printJson({ tasks: shown.map(({ info }) => info), skipped })
  for (const { id } of options.quiet ? shown : []) await print(String(id))
  for (const line of options.quiet || shown.length === 0 ? [] : taskTable(shown, process.stdout)) await print(line)
}

/** One that has ended is terminating too while it is removed, and would come back for that moment. */
function isRunning(info: RecordedInfo): boolean {
  if (info.state === 'terminating') return info.pid !== null
  return !hasEnded(info) && info.state !== 'orphaned'
}

async function targetsOf(options: LsOptions, skipped: object[]): Promise<Target[]> {
  const pool = openPoolIfAny(options)
  if (pool === undefined) return []
  return allTargets(pool, {
    onError: (error, { pid }) => {
      skipped.push({ ...describeError(error), id: pid })
      if (!options.json) tell(`${pid}: ${error.message} (bgtask doctor tells more)`)
    },
  })
}

/** Ends with Ctrl-C. Tasks whose supervisor died are not told of: nothing tells when that happens. */
async function watch(
  pool: TaskPool,
  isShown: (info: RecordedInfo) => boolean,
  { json, quiet }: LsOptions,
): Promise<void> {
  const onError = (error: Error, { pid }: { pid: number }) => tell(`${pid}: ${error.message}`)
  for await (const { type, task, info } of pool.watch(isShown, { onError })) {
    if (json) await printJson({ type, id: task.pid, task: info })
    else if (quiet) await print(String(task.pid))
    else await print(watchLine(type, { id: task.pid, info, task }))
  }
}

function watchLine(type: string, target: Target): string {
  const [, row] = taskTable([target], process.stdout)
  return `${new Date().toISOString()}  ${type.padEnd(6)}  ${row}`
}
