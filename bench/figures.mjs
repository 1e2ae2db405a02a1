// Measures every figure that the project promises, and exits with 1 if one is missed.
//   pnpm bench [--quick] [--only id,id] [--write]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { abuseLatency } from './figures/abuse.mjs'
import { getInfo } from './figures/calls.mjs'
import { idleCpu } from './figures/idle-cpu.mjs'
import { writeToFollower } from './figures/latency.mjs'
import { floodMemory, idleMemory } from './figures/memory.mjs'
import { searchByMeta, searchByPredicate } from './figures/search.mjs'
import { coldSpawn, standbySpawn } from './figures/spawn.mjs'
import { drain, followBlock } from './figures/throughput.mjs'
import { describeMachine } from './lib/environment.mjs'

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
]

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) {
  console.log('usage: pnpm bench [--quick] [--only ID,ID…] [--write]\n')
  console.log('  --quick  5 pairs instead of 21\n  --write  put the table into bench/FIGURES.md\n')
  for (const { id, title } of FIGURES) console.log(`  ${id.padEnd(18)}${title}`)
  process.exit()
}

const wanted = options.only?.split(',')
const unknown = wanted?.filter((id) => !FIGURES.some((figure) => figure.id === id)) ?? []
if (unknown.length > 0) {
  console.error(`unknown figure: ${unknown.join(', ')} (see --help)`)
  process.exit(2)
}

const pairs = options.quick ? 5 : 21
const rows = []
for (const figure of FIGURES) {
  if (wanted !== undefined && !wanted.includes(figure.id)) continue
  const progress = process.stderr.isTTY
    ? (done, all) => process.stderr.write(`\r${figure.id} ${done}/${all} `)
    : undefined
  process.stderr.write(`${figure.id} …${process.stderr.isTTY ? '' : '\n'}`)
  const result = await figure.run({ pairs, quick: options.quick, onPair: progress })
  const ok = figure.atMost === undefined ? result.value >= figure.atLeast : result.value <= figure.atMost
  rows.push({ ...figure, ...result, ok })
  process.stderr.write(
    `\r${ok ? 'ok  ' : 'MISS'} ${figure.id}: ${format(result.value, figure.unit)} (${limit(figure)})\n`,
  )
}

const table = [
  '| figure | measured | middle half | limit | |',
  '|---|---|---|---|---|',
  ...rows.map(
    (row) =>
      `| ${row.title} | ${format(row.value, row.unit)}${row.detail ? ` (${row.detail})` : ''} | ${row.spread ? row.spread.map((value) => format(value, row.unit)).join(' to ') : ''} | ${limit(row)} | ${row.ok ? 'met' : '**missed**'} |`,
  ),
].join('\n')
console.log(`\n${table}\n\n${describeMachine()}`)

if (options.write) {
  const command = `pnpm bench${options.quick ? ' --quick' : ''}`
  writeFileSync(
    new URL('FIGURES.md', import.meta.url),
    `# Figures\n\nMeasured by \`${command} --write\`: medians of ${pairs} interleaved pairs in one run.\n${describeMachine()}.\n\n${table}\n`,
  )
}
process.exit(rows.every(({ ok }) => ok) ? 0 : 1)

function format(value, unit) {
  return `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`
}

function limit({ atMost, atLeast, unit }) {
  return atMost === undefined ? `at least ${atLeast} ${unit}` : `at most ${atMost} ${unit}`
}
