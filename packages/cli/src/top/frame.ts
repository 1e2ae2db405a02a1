import { printable } from '@bgtask/os'
import { type Colour, painter } from '../text/colour.js'
import { shortSize } from '../text/quantity.js'
import { type Cell, table } from '../text/table.js'
import { commandOf, STATE_COLOURS, stateOf } from '../text/task-table.js'
import type { Progress, TaskSample } from './sample.js'

const HEADING = ['ID', 'NAME', 'STATE', 'CPU%', 'MEM', 'OUT/s', 'PROGRESS', 'COMMAND']
const BAR_WIDTH = 10

/** Formats one screen: a title, the tasks, and how many did not fit. */
export function frame(
  samples: readonly TaskSample[],
  title: string,
  size: { columns?: number; rows?: number },
  stream: NodeJS.WriteStream,
): string[] {
  const paint = painter(stream)
  const [heading = '', ...rows] = table(
    HEADING,
    samples.map((sample) => cells(sample, paint)),
    size.columns,
  )
  const room = (size.rows ?? Number.POSITIVE_INFINITY) - 2
  const shown = rows.length > room ? rows.slice(0, Math.max(0, room - 1)) : rows
  const hidden = rows.length - shown.length
  const lines = [printable(title).slice(0, size.columns), paint('bold', heading), ...shown]
  return hidden > 0 ? [...lines, paint('dim', `… ${hidden} more`)] : lines
}

function cells(sample: TaskSample, paint: (colour: Colour, text: string) => string): Cell[] {
  const { id, name, info, cpuPercent, memoryBytes, outputRate, progress } = sample
  const state = stateOf(info)
  return [
    String(id),
    printable(name).slice(0, 24) || '-',
    { text: state, shown: paint(STATE_COLOURS[info.state] ?? 'dim', state) },
    cpuPercent === null ? '-' : cpuPercent.toFixed(0),
    memoryBytes === null ? '-' : shortSize(memoryBytes),
    outputRate === null ? '-' : shortSize(outputRate),
    progress === null ? '-' : progressBar(progress),
    commandOf(info),
  ]
}

/** Formats `█████░░░░░ 50% text`, as far as the job reports it. */
export function progressBar({ done, total, text }: Progress): string {
  const parts: string[] = []
  if (done !== null && total !== null && total > 0) {
    const share = Math.min(1, Math.max(0, done / total))
    const full = Math.round(share * BAR_WIDTH)
    parts.push('█'.repeat(full) + '░'.repeat(BAR_WIDTH - full), `${Math.floor(share * 100)}%`)
  } else if (done !== null) parts.push(String(done))
  if (text !== null) parts.push(printable(text).slice(0, 24))
  return parts.join(' ') || '-'
}
