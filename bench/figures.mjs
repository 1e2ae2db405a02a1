// Measures every figure that the project promises, and exits with 1 if one is missed.
//   pnpm bench [--quick] [--only id,id] [--write]
import { readFileSync, writeFileSync } from 'node:fs'
import { abuseLatency } from './figures/abuse.mjs'
import { getInfo } from './figures/calls.mjs'
import { listEmptyPool } from './figures/cli.mjs'
import { idleCpu } from './figures/idle-cpu.mjs'
import { writeToFollower } from './figures/latency.mjs'
import { floodMemory, idleMemory } from './figures/memory.mjs'
import { searchByMeta, searchByPredicate } from './figures/search.mjs'
import { coldSpawn, standbySpawn } from './figures/spawn.mjs'
import { drain, followBlock } from './figures/throughput.mjs'
import { runBenchmark } from './lib/benchmark.mjs'
import { describeMachine } from './lib/environment.mjs'
import { choose, readOptions } from './lib/options.mjs'

const FIGURES = [
  coldSpawn,
  standbySpawn,
  idleMemory,
  floodMemory,
  getInfo,
  drain,
  followBlock,
  writeToFollower,
  abuseLatency,
  searchByMeta,
  searchByPredicate,
  idleCpu,
  listEmptyPool,
]

const HELP = `usage: pnpm bench [--quick] [--only ID,ID…] [--write]

  --quick  5 pairs instead of 21
  --only   some of the figures
  --write  write the results to bench/FIGURES.md and docs/figures.md (all figures)

${FIGURES.map(({ id, title }) => `  ${id.padEnd(18)}${title}`).join('\n')}`

const options = readOptions(
  {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
  HELP,
)
const figures = choose(FIGURES, options.only, 'figure')
const pairs = options.quick ? 5 : 21

if (options.write && options.only !== undefined) {
  console.error('--write needs all figures: leave --only out')
  process.exit(2)
}

await runBenchmark(async () => {
  const rows = []
  for (const figure of figures) rows.push(await measure(figure))
  const text = `${table(rows)}\n\n${describeMachine()}`
  console.log(`\n${text}`)
  if (options.write) {
    const command = `pnpm bench${options.quick ? ' --quick' : ''} --write`
    const how = `Measured by \`${command}\`: medians of ${pairs} interleaved pairs in one run, with default options.`
    writeFileSync(new URL('FIGURES.md', import.meta.url), `# Figures\n\n${how}\n\n${text}.\n`)
    writeSummary(`${how}\n${describeMachine()}.\n\n${summary(rows)}`)
  }
  return rows.every(({ ok }) => ok) ? 0 : 1
})

async function measure(figure) {
  const progress = process.stderr.isTTY
    ? (done, all) => process.stderr.write(`\r${figure.id} ${done}/${all} `)
    : undefined
  process.stderr.write(`${figure.id} …${process.stderr.isTTY ? '' : '\n'}`)
  const result = await figure.run({ pairs, quick: options.quick, onPair: progress })
  const ok = figure.atMost === undefined ? result.value >= figure.atLeast : result.value <= figure.atMost
  process.stderr.write(
    `\r${ok ? 'ok  ' : 'MISS'} ${figure.id}: ${format(result.value, figure.unit)} (${limit(figure)})\n`,
  )
  return { ...figure, ...result, ok }
}

function table(rows) {
  const lines = rows.map(({ title, value, detail, spread, unit, ok, ...row }) =>
    [
      '',
      title,
      `${format(value, unit)}${detail ? ` (${detail})` : ''}`,
      spread?.map((one) => format(one, unit)).join(' to ') ?? '',
      limit({ ...row, unit }),
      ok ? 'met' : '**missed**',
      '',
    ]
      .join(' | ')
      .trim(),
  )
  return ['| figure | measured | middle half | limit | |', '|---|---|---|---|---|', ...lines].join('\n')
}

/** docs/figures.md has the results alone; FIGURES.md has their parts. */
function summary(rows) {
  const lines = rows.map(
    (row) =>
      `| ${row.title} | ${row.ok ? '' : '**'}${format(row.value, row.unit)}${row.ok ? '' : '**'} | ${limit(row)} |`,
  )
  return ['| figure | measured | limit |', '|---|---|---|', ...lines].join('\n')
}

function writeSummary(text) {
  const file = new URL('../docs/figures.md', import.meta.url)
  const [begin, end] = ['<!-- figures -->', '<!-- end of figures -->']
  const page = readFileSync(file, 'utf8')
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start === -1 || stop < start) throw new Error(`docs/figures.md lacks ${begin} … ${end}`)
  writeFileSync(file, `${page.slice(0, start)}${begin}\n${text}\n${page.slice(stop)}`)
}

function format(value, unit) {
  return `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`
}

function limit({ atMost, atLeast, unit }) {
  return atMost === undefined ? `at least ${atLeast} ${unit}` : `at most ${atMost} ${unit}`
}
