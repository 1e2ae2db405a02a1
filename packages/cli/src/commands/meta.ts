import { Task } from '@bgtask/client'
import { printableJson } from '@bgtask/os'
import { CliError } from '../errors.js'
import { parseMeta } from '../meta.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { findTarget, requireLive } from '../targets.js'
import { examples, poolCommand } from './common.js'

export function metaCommand() {
  return poolCommand('meta')
    .description("print or change a task's meta")
    .usage('[options] [id] [key=value...]')
    .argument('[words...]', 'the id (optional inside a task) and the changes; null deletes a key')
    .addHelpText(
      'after',
      examples('bgtask meta build', 'bgtask meta build owner=anna', 'bgtask meta progress.done=3 progress.total=10'),
    )
    .action(meta)
}

async function meta(words: readonly string[], options: PoolOption & { readonly json?: boolean }): Promise<void> {
  const [first] = words
  const named = first !== undefined && !first.includes('=')
  const changes = parseMeta(named ? words.slice(1) : words)
  const target = named ? await findTarget(openPool(options), first) : undefined
  const task = target === undefined ? currentTask() : target.task
  const isChange = Object.keys(changes).length > 0
  if (target !== undefined && isChange) requireLive(target)
  const whole = isChange ? await task?.applyMeta(changes) : ((await task?.info())?.meta ?? target?.info.meta)
  if (options.json) await printJson({ id: target?.id ?? task?.pid, meta: whole })
  else if (!isChange) await print(printableJson(JSON.stringify(whole, null, 2)))
}

function currentTask(): Task {
  const task = Task.current()
  if (task !== undefined) return task
  throw new CliError('ERR_BGTASK_USAGE', 'missing id: outside of a task, use bgtask meta <id> key=value')
}
