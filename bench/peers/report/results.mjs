import { loadavg } from 'node:os'
import { describeMachine } from '../../lib/environment.mjs'
import { median, quartiles } from '../../lib/pairs.mjs'

/** The whole of RESULTS.md. */
export function resultsText({ command, startLoad, peers, absent, rows, growths, plotted }) {
  const load = (values) => values.map((value) => value.toFixed(1)).join(', ')
  return [
    '# bgtask beside what people would use instead',
    `Written by \`${command}\`: the same work on all, in turn, in one run on one machine.\n${describeMachine()}. Load average at the start ${load(startLoad)}, at the end ${load(loadavg())}.`,
    `Versions: ${peers.map((peer) => `${peer.title} ${peer.installed}`).join(', ')}.${absent.length > 0 ? ` Not installed: ${absent.map(({ title }) => title).join(', ')} (see \`bench/peers/install.sh\`).` : ''}`,
    'Each figure is a median, with the middle half of the samples; the ratio is to bgtask (2 × is twice its figure). What a peer has no means for says *cannot*.',
    `## Where bgtask is behind\n\n${misses(rows, peers)}`,
    ...rows.map((row) => `## ${row.title}\n\n${table(row, [...peers, ...absent])}`),
    growthText(growths, plotted),
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n')
}

function table({ unit, results }, peers) {
  if (unit === 'yes/no') {
    const answers = peers.map(({ id, title }) => `| ${title} | ${cell(results.get(id), unit)} |`)
    return ['| | |', '|---|---|', ...answers].join('\n')
  }
  const ours = summary(results.get('bgtask'))
  const lines = peers.map(({ id, title }) => {
    const result = results.get(id)
    const own = summary(result)
    return `| ${title} | ${cell(result, unit)} | ${spread(own, unit)} | ${id === 'bgtask' ? '' : ratio(own, ours)} |`
  })
  return ['| | median | middle half | ratio |', '|---|---|---|---|', ...lines].join('\n')
}

/** Every row in which another is better, whatever that costs it elsewhere. */
function misses(rows, peers) {
  const lines = rows.flatMap((row) => {
    const better = peers.filter(
      ({ id }) => id !== 'bgtask' && isBetter(row, row.results.get(id), row.results.get('bgtask')),
    )
    if (better.length === 0) return []
    const ours = cell(row.results.get('bgtask'), row.unit)
    const theirs = better.map(({ id, title }) => `${title} ${cell(row.results.get(id), row.unit)}`).join(', ')
    return [`- ${row.title}: ${ours}; better: ${theirs}.`]
  })
  return lines.length > 0 ? lines.join('\n') : 'Nowhere in this run.'
}

function isBetter({ more }, theirs, ours) {
  if (theirs?.value !== undefined) return theirs.value === true && ours?.value !== true
  const [a, b] = [summary(theirs), summary(ours)]
  if (a === undefined) return false
  if (b === undefined) return true
  return more ? a.middle > b.middle : a.middle < b.middle
}

function summary(result) {
  if (!result?.samples?.length) return undefined
  return { middle: median(result.samples), half: quartiles(result.samples), count: result.samples.length }
}

function cell(result, unit) {
  if (result === undefined) return 'not installed'
  if (result.cannot) return `cannot: ${result.cannot}`
  if (result.failed) return `failed: ${result.failed}`
  if (result.value !== undefined) return result.value ? 'yes' : '**no**'
  return number(median(result.samples), unit)
}

const spread = (own, unit) => (own && own.count > 2 ? own.half.map((value) => number(value, unit)).join(' to ') : '')

function ratio(theirs, ours) {
  if (theirs === undefined || ours === undefined || ours.middle === 0) return ''
  return `${significant(theirs.middle / ours.middle)} ×`
}

const number = (value, unit) => `${significant(value)} ${unit}`.trim()

function significant(value) {
  if (value === 0 || Math.abs(value) >= 100) return String(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

function growthText(growths, plotted) {
  const parts = growths.map(({ file, title, x, y, points }) => {
    const plot = plotted ? `![${title}](plots/${file}.svg)\n\n` : ''
    return `### ${title}\n\n${plot}${pointsTable(points, x, y)}`
  })
  const note =
    plotted || growths.length === 0 ? '' : '\n\nThe plots need vega (see `bench/peers/install.sh`): not drawn.'
  return growths.length === 0 ? '' : `## Growth${note}\n\n${parts.join('\n\n')}`
}

function pointsTable(points, x, y) {
  const counts = [...new Set(points.map((point) => point.x))]
  const names = [...new Set(points.map(({ series }) => series))]
  const value = (series, count) => points.find((point) => point.series === series && point.x === count)?.y
  const lines = names.map((series) => {
    const cells = counts.map((count) => (value(series, count) === undefined ? '' : significant(value(series, count))))
    return `| ${series} | ${cells.join(' | ')} |`
  })
  return [`| ${y}, by ${x} | ${counts.join(' | ')} |`, `|---|${counts.map(() => '---').join('|')}|`, ...lines].join(
    '\n',
  )
}
