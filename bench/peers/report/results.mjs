import { median, quartiles } from '../../lib/pairs.mjs'

/** The whole of RESULTS.md. */
export function resultsText({ command, machine, seconds, loads, peers, rows, growths, plotted }) {
  const minutes = Math.ceil(Object.values(seconds).reduce((sum, one) => sum + one, 0) / 60)
  const [least, most] = [Math.min(...loads), Math.max(...loads)].map((load) => load.toFixed(1))
  const present = peers.filter(({ installed }) => installed !== undefined)
  return [
    '# bgtask beside what people would use instead',
    `Written by \`${command}\`, within ${minutes} min: the same work on all, in turn, each piece of work in one run on one machine.\n${machine}. Load average before and after each piece between ${least} and ${most}.`,
    peersTable(peers),
    'Each figure is a median with the middle half of the samples, and their number; the ratio is to bgtask (2 × is twice its figure). What a peer has no means for says *cannot*.',
    `## Promises\n\n${promisesTable(rows)}`,
    `## Where bgtask is behind\n\n${misses(rows, present)}`,
    ...rows.map((row) => `## ${row.title}\n\n${table(row, peers)}`),
    growthText(growths, plotted),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .trimEnd()
    .concat('\n')
}

/** What is promised against a peer, by the beginning of the row's title. */
const PROMISES = [
  { title: 'The same, warm', peer: 'dtach', atMost: 1 },
  { title: 'Start 100 at once', peer: 'dtach', atMost: 0.8 },
  { title: "From the command's write", peer: 'tmux', atMost: 1.3 },
  { title: 'Stop a tree of 7 processes: time', peer: 'tmux', atMost: 1.2 },
]

function promisesTable(rows) {
  const lines = PROMISES.flatMap(({ title, peer, atMost }) => {
    const row = rows.find((one) => one.title.startsWith(title))
    const [ours, theirs] = ['bgtask', peer].map((id) => summary(row?.results[id])?.middle)
    if (ours === undefined || theirs === undefined) return []
    const found = ours / theirs
    const verdict = found <= atMost ? 'met' : '**missed**'
    return [`| ${row.title} | ${significant(found)} × ${peer} | at most ${atMost} × | ${verdict} |`]
  })
  return ['| | measured | promised | |', '|---|---|---|---|', ...lines].join('\n')
}

function peersTable(peers) {
  const lines = peers.map(
    ({ title, installed, how }) =>
      `| ${title} | ${installed ?? 'not installed (see `bench/peers/install.sh`)'} | ${how} |`,
  )
  return ['| | version | how it is used here |', '|---|---|---|', ...lines].join('\n')
}

/** Every row in which another is better, whatever that costs it elsewhere. */
function misses(rows, peers) {
  const lines = rows.flatMap((row) => {
    const ours = row.results.bgtask
    const better = peers.filter(({ id, isOurs }) => id !== 'bgtask' && !isOurs && isBetter(row, row.results[id], ours))
    if (better.length === 0) return []
    const theirs = better.map(({ id, title }) => `${title} ${cell(row.results[id], row.unit)}`).join(', ')
    return [`- ${row.title}: ${cell(ours, row.unit)}; better: ${theirs}.`]
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

function table({ unit, results }, peers) {
  if (unit === 'yes/no') {
    const answers = peers.map(({ id, title }) => `| ${title} | ${cell(results[id], unit)} |`)
    return ['| | |', '|---|---|', ...answers].join('\n')
  }
  const ours = summary(results.bgtask)
  const lines = peers.map(({ id, title }) => {
    const result = results[id]
    const own = summary(result)
    return `| ${title} | ${cell(result, unit)} | ${spread(own, unit)} | ${own?.count ?? ''} | ${id === 'bgtask' ? '' : ratio(own, ours)} |`
  })
  return ['| | median | middle half | samples | ratio |', '|---|---|---|---|---|', ...lines].join('\n')
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
  if (growths.length === 0) return ''
  const parts = growths.map((growth) => {
    const plot = plotted ? [`![${growth.title}](plots/${growth.file}.svg)`] : []
    const notes = (growth.notes ?? []).map((note) => `${note}.`)
    return [`### ${growth.title}`, ...plot, pointsTable(growth), ...notes].join('\n\n')
  })
  const without = plotted !== false ? [] : ['The plots need vega (see `bench/peers/install.sh`): not drawn.']
  return ['## Growth', ...without, ...parts].join('\n\n')
}

function pointsTable({ points, x, y }) {
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
