import { printable } from '@bgtask/os'
import type { TaskInfo } from '@bgtask/protocol'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { findTargets, nameOf, type Target } from '../targets.js'
import { shortDuration, shortSize } from '../text/quantity.js'
import { survivorsText } from '../text/survivors.js'
import { commandOf, stateOf } from '../text/task-table.js'
import { examples, poolCommand } from './common.js'

export function infoCommand() {
  return poolCommand('info')
    .description('show task details')
    .argument('<id...>')
    .option('-q, --quiet', 'print ids only')
    .addHelpText('after', examples('bgtask info web', 'bgtask info @last --json'))
    .action(info)
}

interface InfoOptions extends PoolOption {
  readonly json?: boolean
  readonly quiet?: boolean
}

async function info(ids: readonly string[], options: InfoOptions): Promise<void> {
  for (const target of await findTargets(openPool(options), ids)) {
    const info = target.task === undefined ? target.info : await target.task.info()
    if (options.json) await printJson({ id: target.id, task: info })
    else if (options.quiet) await print(String(target.id))
    else
      for (const [label, value] of rows(target, info as TaskInfo)) await print(`${label.padEnd(9)} ${printable(value)}`)
  }
}

/** Label and value of each known detail, the most important first. A record has no streams. */
function rows({ id }: Target, info: TaskInfo): [label: string, value: string][] {
  const { streams, exitStatus, lockfile, restart, failure } = info
  const lines: [string, string | number | false | null | undefined][] = [
    ['id', id],
    ['name', nameOf(info)],
    ['state', `${stateOf(info)}${failure ? ` (${failure})` : ''}`],
    ['command', commandOf(info)],
    ['cwd', info.cwd],
    ['pid', info.pid],
    ['run', info.run && `${info.run}, ${info.restarts} restarts${restart.on === 'never' ? '' : ` (${restart.on})`}`],
    ['started', info.startedAt && moment(info.startedAt)],
    ['ended', info.exitedAt && moment(info.exitedAt)],
    ['retired', info.retiredAt && moment(info.retiredAt)],
    ['survivors', survivorsText({ survivors: exitStatus?.survivors ?? [], moreSurvivors: exitStatus?.moreSurvivors })],
    ['lock', lockfile],
    ['behavior', info.behavior],
    ['meta', JSON.stringify(info.meta)],
    ['stdout', streams && output(streams[1])],
    ['stderr', streams && output(streams[2])],
    ['files', info.spool && `up to ${shortSize(info.spool.maxBytes)} of each output`],
    ['stdin', streams && `${shortSize(streams[0].writtenOffset)} written${streams[0].closed ? ', closed' : ''}`],
    ['task id', info.taskId],
    ['software', info.software],
  ]
  return lines.flatMap(([label, value]) => (value ? [[label, String(value)]] : []))
}

function moment(unixMs: number): string {
  return `${new Date(unixMs).toISOString()} (${shortDuration(Date.now() - unixMs)} ago)`
}

function output({ firstOffset, endOffset, discarded, eof, error }: TaskInfo['streams'][1]): string {
  const kept = `${shortSize(endOffset)} written, ${shortSize(endOffset - firstOffset)} kept`
  const more = [discarded > 0 && `${shortSize(discarded)} dropped`, eof && 'ended', error]
  return [kept, ...more.filter(Boolean)].join(', ')
}
