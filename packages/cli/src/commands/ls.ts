import type { TaskPool } from '@bgtask/pool'
import type { RecordedInfo } from '@bgtask/protocol'
import { describeError } from '../errors.js'
import { matchesMeta } from '../meta.js'
import { openPool, openPoolIfAny, type PoolOption } from '../open-pool.js'
import { print, printJson, printMessage } from '../output/print.js'
import { allTargets, hasEnded, type Target } from '../targets.js'
import { taskTable } from '../text/task-table.js'
import { collect, examples, poolCommand } from './common.js'

export function lsCommand() {
  return poolCommand('ls')
    .description('list running tasks')
    .option('-a, --all', 'include tasks that ended or lost their supervisor')
    .option('-m, --meta <key=value>', 'list only tasks with this value in their meta (repeatable)', collect)
    .option('-q, --quiet', 'print ids only')
    .option('-w, --watch', 'keep running and print a line for each change')
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

/** A task that has ended is `terminating` while it is removed; it must not reappear for that moment. */
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
      if (!options.json) printMessage(`${pid}: ${error.message} (run bgtask doctor for details)`)
    },
  })
}

/** Runs until Ctrl-C. Does not report tasks whose supervisor died: the pool emits no event for that. */
async function watch(
  pool: TaskPool,
  isShown: (info: RecordedInfo) => boolean,
  { json, quiet }: LsOptions,
): Promise<void> {
  const onError = (error: Error, { pid }: { pid: number }) => printMessage(`${pid}: ${error.message}`)
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
