// Measures every figure that the project promises, and exits with 1 if one is missed.
//   pnpm bench [--quick] [--only id,id] [--write]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { abuseLatency } from './figures/abuse.mjs'
import { blockedByASpawn, blockedWithALargeHeap } from './figures/blocked.mjs'
import { getInfo } from './figures/calls.mjs'
import { listEmptyPool } from './figures/cli.mjs'
import { idleCpu } from './figures/idle-cpu.mjs'
import { writeToFollower } from './figures/latency.mjs'
import { floodMemory, memoryOf20, memoryOf100 } from './figures/memory.mjs'
import { searchByMeta, searchByPredicate } from './figures/search.mjs'
import { firstSpawn, manySpawns, runCommand, spawn, standbySpawn } from './figures/spawn.mjs'
import { drain, followBlock } from './figures/throughput.mjs'
import { runBenchmark } from './lib/benchmark.mjs'
import { describeMachine } from './lib/environment.mjs'
import { choose, readOptions } from './lib/options.mjs'
import { outputDirectory, packages, readResults, writeResults } from './lib/output.mjs'
import { details, hasMissed, summary } from './report/figures.mjs'

const FIGURES = [
  spawn,
  firstSpawn,
  runCommand,
  blockedByASpawn,
  blockedWithALargeHeap,
  manySpawns,
  standbySpawn,
  memoryOf20,
  memoryOf100,
  floodMemory,
  idleCpu,
  getInfo,
  drain,
  followBlock,
  writeToFollower,
  abuseLatency,
  searchByMeta,
  searchByPredicate,
  listEmptyPool,
]

/** The limits are the native supervisor's. */
const SUPERVISORS = ['native', 'node']

const HELP = `usage: pnpm bench [--quick] [--only ID,ID…] [--supervisor NAME] [--write]

  --quick       5 pairs instead of 21
  --only        some of the figures
  --supervisor  native or node instead of both
  --write       write the results to bench/FIGURES.md and docs/figures.md, with those of earlier runs for the other figures

${FIGURES.map(({ id, title }) => `  ${id.padEnd(20)}${title}`).join('\n')}`

const options = readOptions(
  {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    supervisor: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
  HELP,
)
const figures = choose(FIGURES, options.only, 'figure')
const supervisors = choose(
  SUPERVISORS.map((id) => ({ id })),
  options.supervisor,
  'supervisor',
).map(({ id }) => id)
const pairs = options.quick ? 5 : 21

await runBenchmark(async () => {
  const results = {}
  for (const figure of figures) results[figure.id] = await measure(figure)
  console.log(`\n${details(figures, results)}\n\n${describeMachine()}, ${packages}`)
  if (options.write) write(results)
  return figures.some((figure) => hasMissed(figure, results[figure.id])) ? 1 : 0
})

/** @returns the result with each supervisor. */
async function measure(figure) {
  const results = {}
  for (const supervisor of supervisors.filter((name) => figure.supervisors?.includes(name) ?? true)) {
    const name = `${figure.id}, ${supervisor}`
    const progress = process.stderr.isTTY ? (done, all) => process.stderr.write(`\r${name} ${done}/${all} `) : undefined
    process.stderr.write(`${name} …${process.stderr.isTTY ? '' : '\n'}`)
    const start = performance.now()
    results[supervisor] = await figure.run({ supervisor, pairs, quick: options.quick, onPair: progress })
    const seconds = Math.round((performance.now() - start) / 1_000)
    process.stderr.write(`\r${name}: ${JSON.stringify(results[supervisor])} (${seconds} s)\n`)
  }
  return results
}

function write(results) {
  const file = join(outputDirectory, 'figures.json')
  const all = { ...readResults(file), ...results }
  writeResults(file, all)
  const known = FIGURES.filter(({ id }) => all[id] !== undefined)
  const how = `Measured by \`pnpm bench --write\`, figure by figure: medians of ${pairs} interleaved pairs, with default options.
${describeMachine()}, ${packages}.`
  writeFileSync(join(outputDirectory, 'FIGURES.md'), `# Figures\n\n${how}\n\n${details(known, all)}\n`)
  writeSummary(`${how}\n\n${summary(known, all)}`)
}

function writeSummary(text) {
  const file = join(outputDirectory, '../docs/figures.md')
  const [begin, end] = ['<!-- figures -->', '<!-- end of figures -->']
  const page = readFileSync(file, 'utf8')
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start === -1 || stop < start) throw new Error(`docs/figures.md lacks ${begin} … ${end}`)
  writeFileSync(file, `${page.slice(0, start)}${begin}\n${text}\n${page.slice(stop)}`)
}
