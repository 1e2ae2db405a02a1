// Measures bgtask beside what people would use instead, and writes bench/RESULTS.md and bench/plots.
//   pnpm bench:peers [--quick] [--only id,id] [--peers id,id] [--out directory]
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runBenchmark } from '../lib/benchmark.mjs'
import { describeMachine } from '../lib/environment.mjs'
import { choose, readOptions } from '../lib/options.mjs'
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
  --only   some of the work, by the ids below; the results go to stdout then unless --out is given
  --peers  bgtask and some of the peers; the same
  --out    where RESULTS.md and plots/ go (default: bench)

${[...WORK, ...GROWTH].map(({ id, title }) => `  ${id.padEnd(14)}${title}`).join('\n')}

peers: ${PEERS.map(({ id }) => id).join(', ')} (bench/peers/install.sh installs them, and what draws the plots)`

const options = readOptions(
  {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'string' },
    out: { type: 'string' },
  },
  HELP,
)
const work = choose(WORK, options.only, 'work', [...WORK, ...GROWTH])
const growth = choose(GROWTH, options.only, 'work', [...WORK, ...GROWTH])
const chosen = choose(PEERS, options.peers && `bgtask,${options.peers}`, 'peer')
const isWhole = options.only === undefined && options.peers === undefined
const directory = options.out ?? (isWhole ? fileURLToPath(new URL('..', import.meta.url)) : undefined)

await runBenchmark(async () => {
  const begin = performance.now()
  const startLoad = loadavg()
  const all = chosen.map((peer) => ({ ...peer, installed: peer.version() }))
  const peers = all.filter(({ installed }) => installed !== undefined)
  const absent = all.filter(({ installed }) => installed === undefined)
  for (const { title } of absent) tell(`${title}: not installed (see bench/peers/install.sh)`)

  const plan = planFor(options.quick)
  const rows = await runAll(work, peers, plan)
  const growths = await runAll(growth, peers, plan)

  const out = directory && pathToFileURL(`${resolve(directory)}/`)
  if (out) mkdirSync(out, { recursive: true })
  const plotted = out && (await writePlots(growths, new URL('plots/', out)))
  if (plotted === false && growths.length > 0) tell('vega: not installed, no plots drawn (see bench/peers/install.sh)')
  const text = resultsText({
    command: commandLine(),
    machine: describeMachine(),
    loads: [startLoad, loadavg()],
    minutes: (performance.now() - begin) / 60_000,
    peers,
    absent,
    rows,
    growths,
    plotted,
  })
  if (out) {
    writeFileSync(new URL('RESULTS.md', out), text)
    tell(`wrote ${fileURLToPath(new URL('RESULTS.md', out))}`)
  } else process.stdout.write(text)
  return 0
})

async function runAll(works, peers, plan) {
  const results = []
  for (const { id, run } of works) {
    const start = performance.now()
    tell(`${id} …`)
    results.push(await run({ peers, plan, onSample: (text) => tellBriefly(`${id}: ${text}`) }))
    tell(`${id}: ${((performance.now() - start) / 1_000).toFixed(0)} s`)
  }
  return results.flat()
}

function commandLine() {
  const { quick, only, peers } = options
  return ['pnpm bench:peers', quick && '--quick', only && `--only ${only}`, peers && `--peers ${peers}`]
    .filter(Boolean)
    .join(' ')
}

function tell(text) {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${text}\n`)
}

/** Of interest to who looks on only: the next line takes its place. */
function tellBriefly(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
