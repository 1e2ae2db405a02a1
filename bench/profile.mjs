// Breaks down the time of a cold spawn, the private memory of a supervisor and the time of a call.
//   pnpm bench:profile
import { runBenchmark } from './lib/benchmark.mjs'
import { describeMachine } from './lib/environment.mjs'
import { choose, readOptions } from './lib/options.mjs'
import { callParts } from './profile/calls.mjs'
import { launchParts } from './profile/launch.mjs'
import { memoryParts } from './profile/memory.mjs'
import { poolSpawnParts } from './profile/pool-spawn.mjs'
import { spawnParts } from './profile/spawn.mjs'

const PARTS = [spawnParts, launchParts, poolSpawnParts, memoryParts, callParts]

const HELP = `usage: pnpm bench:profile [--quick] [--only ID,ID…]

${PARTS.map(({ id, title }) => `  ${id.padEnd(8)}${title}`).join('\n')}`

const options = readOptions({ quick: { type: 'boolean', default: false }, only: { type: 'string' } }, HELP)
const parts = choose(PARTS, options.only, 'part')

await runBenchmark(async () => {
  for (const { id, title, columns, run } of parts) {
    process.stderr.write(`${id} …\n`)
    const rows = await run({ rounds: options.quick ? 3 : 31 })
    const lines = rows.map((cells) => `| ${cells.join(' | ')} |`)
    console.log(`## ${title}\n`)
    console.log([`| ${columns.join(' | ')} |`, `|${columns.map(() => '---').join('|')}|`, ...lines, ''].join('\n'))
  }
  console.log(describeMachine())
  return 0
})
