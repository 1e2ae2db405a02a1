// Measures bgtask beside what people would use instead, and writes bench/RESULTS.md and bench/plots.
//   pnpm bench:peers [--quick] [--only id,id] [--peers id,id] [--out directory]
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { growthOfRpc } from './growth/rpc.mjs'
import { growthWithTasks } from './growth/tasks.mjs'
import { endSessions } from './lib/session.mjs'
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

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) {
  console.log('usage: pnpm bench:peers [--quick] [--only ID,ID…] [--peers ID,ID…] [--out DIRECTORY]\n')
  console.log(
    '  --quick  little of everything, at most 3 minutes\n  --out    where RESULTS.md and plots/ go (default: bench)\n',
  )
  for (const { id, title } of [...WORK, ...GROWTH]) console.log(`  ${id.padEnd(14)}${title}`)
  console.log(`\npeers: ${PEERS.map(({ id }) => id).join(', ')}; bench/peers/install.sh installs them`)
  process.exit()
}

const chosenPeers = choose(PEERS, options.peers, 'peer').map((peer) => ({ ...peer, installed: peer.version() }))
const peers = chosenPeers.filter(({ installed }) => installed !== undefined)
const absent = chosenPeers.filter(({ installed }) => installed === undefined)
for (const { title } of absent) process.stderr.write(`${title}: not installed (see bench/peers/install.sh)\n`)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => endSessions().finally(() => process.exit(1)))

const plan = planFor(options.quick)
const startLoad = loadavg()
const rows = (await runAll(WORK)).flat()
const growths = (await runAll(GROWTH)).flat()

const out = pathToFileURL(`${resolve(options.out)}/`)
mkdirSync(out, { recursive: true })
const plotted = await writePlots(growths, new URL('plots/', out))
const flags = ['quick', 'only', 'peers']
  .filter((name) => options[name])
  .map((name) => (name === 'quick' ? ' --quick' : ` --${name} ${options[name]}`))
const text = resultsText({
  command: `pnpm bench:peers${flags.join('')}`,
  startLoad,
  peers,
  absent,
  rows,
  growths,
  plotted,
})
writeFileSync(new URL('RESULTS.md', out), text)
process.stderr.write(`wrote ${fileURLToPath(new URL('RESULTS.md', out))}\n`)
if (!plotted && growths.length > 0)
  process.stderr.write('vega: not installed, no plots drawn (see bench/peers/install.sh)\n')
process.exit()

async function runAll(works) {
  const all = []
  for (const work of choose(works, options.only, 'work', [...WORK, ...GROWTH])) {
    const start = performance.now()
    const show = (text) =>
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${work.id}: ${text}` : `${work.id}: ${text}\n`)
    show('…')
    all.push(await work.run({ peers, plan, onSample: show }))
    process.stderr.write(
      `${process.stderr.isTTY ? '\r\x1b[K' : ''}${work.id}: ${((performance.now() - start) / 1_000).toFixed(0)} s\n`,
    )
  }
  return all
}

/** Those that are named, or all; what is named and not `known` ends the program. */
function choose(from, names, what, known = from) {
  const wanted = names?.split(',')
  const unknown = wanted?.filter((id) => !known.some((one) => one.id === id)) ?? []
  if (unknown.length > 0) {
    console.error(`unknown ${what}: ${unknown.join(', ')} (see --help)`)
    process.exit(2)
  }
  return from.filter(({ id }) => wanted === undefined || wanted.includes(id))
}
