// Measures bgtask beside what people would use instead, and writes bench/RESULTS.md and bench/plots.
//   pnpm bench:peers [--quick] [--only id,id] [--peers id,id] [--write] [--out directory]
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runBenchmark } from '../lib/benchmark.mjs'
import { describeMachine } from '../lib/environment.mjs'
import { choose, readOptions } from '../lib/options.mjs'
import { outputDirectory, packages, readResults, writeResults } from '../lib/output.mjs'
import { growthOfRpc } from './growth/rpc.mjs'
import { growthWithTasks } from './growth/tasks.mjs'
import { PEERS } from './peers/index.mjs'
import { planFor } from './plan.mjs'
import { writePlots } from './report/plots.mjs'
import { resultsText } from './report/results.mjs'
import { afterKill } from './work/after-kill.mjs'
import { drain, latency } from './work/output.mjs'
import { query } from './work/query.mjs'
import { idleCpu, memory } from './work/resources.mjs'
import { spawnCold, spawnMany, spawnWarm } from './work/spawn.mjs'
import { stopTree } from './work/stop.mjs'

const WORK = [spawnCold, spawnWarm, spawnMany, memory, idleCpu, drain, latency, query, stopTree, afterKill]
const GROWTH = [growthWithTasks, growthOfRpc]

const HELP = `usage: pnpm bench:peers [--quick] [--only ID,ID…] [--peers ID,ID…] [--out DIRECTORY]

  --quick  little of everything, at most 3 minutes
  --only   some of the work, by the ids below; the results go to stdout then unless --write is given
  --peers  bgtask and some of the peers; the same
  --write  write RESULTS.md and plots/, with the results of earlier runs for the rest of the work
  --out    where they go (default: bench)

${[...WORK, ...GROWTH].map(({ id, title }) => `  ${id.padEnd(14)}${title}`).join('\n')}

peers: ${PEERS.map(({ id }) => id).join(', ')} (bench/peers/install.sh installs them, and what draws the plots)`

const options = readOptions(
  {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'string' },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
  HELP,
)
const work = choose(WORK, options.only, 'work', [...WORK, ...GROWTH])
const growth = choose(GROWTH, options.only, 'work', [...WORK, ...GROWTH])
const chosen = choose(PEERS, options.peers && `bgtask,${options.peers}`, 'peer')
const isWhole = options.only === undefined && options.peers === undefined
const directory = options.out ?? (options.write || isWhole ? outputDirectory : undefined)

await runBenchmark(async () => {
  const all = chosen.map(({ id, title, how, isOurs, version }) => ({ id, title, how, isOurs, installed: version() }))
  const peers = chosen.filter((_, index) => all[index].installed !== undefined)
  for (const { title } of all.filter(({ installed }) => installed === undefined))
    log(`${title}: not installed (see bench/peers/install.sh)`)

  const plan = planFor(options.quick)
  const measured = { peers: all, parts: {} }
  for (const one of [...work, ...growth]) measured.parts[one.id] = await measure(one, peers, plan)
  if (directory === undefined) process.stdout.write(textOf(measured, undefined))
  else await write(measured, resolve(directory))
  return 0
})

/** What one piece of work gives, with the load of the machine before and after. */
async function measure({ id, run }, peers, plan) {
  const start = performance.now()
  const loads = [loadavg()[0]]
  log(`${id} …`)
  const results = await run({ peers, plan, onSample: (text) => logBriefly(`${id}: ${text}`) })
  const seconds = (performance.now() - start) / 1_000
  loads.push(loadavg()[0])
  log(`${id}: ${seconds.toFixed(0)} s`)
  const named = (row) => (row.results === undefined ? row : { ...row, results: Object.fromEntries(row.results) })
  return { results: results.map(named), seconds, loads }
}

/** Adds what was measured now to the results of earlier runs. */
async function write(measured, out) {
  mkdirSync(out, { recursive: true })
  const file = join(out, 'results.json')
  const before = readResults(file)
  const kept = (before.peers ?? []).filter(({ id }) => !measured.peers.some((peer) => peer.id === id))
  const peers = [...measured.peers, ...kept]
  const all = {
    peers: PEERS.flatMap(({ id }) => peers.filter((peer) => peer.id === id)),
    parts: { ...before.parts, ...measured.parts },
  }
  writeResults(file, all)
  const growths = growthsOf(readResults(file))
  const plotted = growths.length > 0 && (await writePlots(growths, pathToFileURL(`${join(out, 'plots')}/`)))
  if (!plotted && growths.length > 0) log('vega: not installed, no plots drawn (see bench/peers/install.sh)')
  writeFileSync(join(out, 'RESULTS.md'), textOf(readResults(file), plotted))
  log(`wrote ${join(out, 'RESULTS.md')}`)
}

function textOf({ peers, parts }, plotted) {
  const rows = WORK.flatMap(({ id }) => parts[id]?.results ?? [])
  const machine = `${describeMachine()}, ${packages}`
  const seconds = Object.fromEntries(Object.entries(parts).map(([id, part]) => [id, part.seconds]))
  const loads = Object.values(parts).flatMap((part) => part.loads)
  return resultsText({
    command: commandLine(),
    machine,
    seconds,
    loads,
    peers,
    rows,
    growths: growthsOf({ parts }),
    plotted,
  })
}

function growthsOf({ parts }) {
  return GROWTH.flatMap(({ id }) => parts[id]?.results ?? [])
}

function commandLine() {
  return ['pnpm bench:peers', options.quick && '--quick', options.peers && `--peers ${options.peers}`]
    .filter(Boolean)
    .join(' ')
}

function log(text) {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${text}\n`)
}

/** Of interest to who looks on only: the next line takes its place. */
function logBriefly(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
