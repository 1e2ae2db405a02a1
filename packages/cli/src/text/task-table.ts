import { printable } from '@bgtask/os'
import type { RecordedInfo, TaskState } from '@bgtask/protocol'
import { nameOf, type Target } from '../targets.js'
import { type Colour, painter } from './colour.js'
import { shortDuration } from './quantity.js'
import { type Cell, table } from './table.js'

export const STATE_COLOURS: Readonly<Record<TaskState, Colour>> = {
  starting: 'cyan',
  running: 'green',
  paused: 'yellow',
  backoff: 'yellow',
  exited: 'dim',
  failed: 'red',
  terminating: 'cyan',
  lost: 'red',
  orphaned: 'red',
  unknown: 'yellow',
}

/** Formats tasks as `ls` shows them: a heading, then one line each, cut to the terminal's width. */
export function taskTable(targets: readonly Target[], stream: NodeJS.WriteStream): string[] {
  const paint = painter(stream)
  const rows = targets.map(({ id, info }): Cell[] => {
    const state = stateOf(info)
    return [
      String(id),
      printable(nameOf(info)) || '-',
      { text: state, shown: paint(STATE_COLOURS[info.state] ?? 'dim', state) },
      ageOf(info),
      commandOf(info),
    ]
  })
  return table(['ID', 'NAME', 'STATE', 'AGE', 'COMMAND'], rows, stream.isTTY ? stream.columns : undefined)
}

/** The state; for a task that ended, with its exit code or signal. */
export function stateOf({ state, exitStatus }: RecordedInfo): string {
  if (exitStatus == null || (state !== 'exited' && state !== 'failed')) return state
  return `${state} ${exitStatus.signal ?? exitStatus.exitCode}`
}

/** How long ago the task started, or ended. */
function ageOf({ startedAt, exitedAt, createdAt }: RecordedInfo): string {
  const since = exitedAt ?? startedAt ?? createdAt
  // A custom supervisor may not report it.
  return since === 0 ? '-' : shortDuration(Date.now() - since)
}

/** The command line, roughly as typed (for display only). */
export function commandOf({ command }: RecordedInfo): string {
  return printable(command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' '))
}
