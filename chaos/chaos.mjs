// Many tasks, random clients, and random kills of everybody; then every task, exit, byte, lock, process, file and
// descriptor is accounted for. Exits with 1 if anything is wrong.
//   pnpm chaos [--minutes N] [--seed S] [--json] [--inject CHECK,…]
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { CHECKS } from './lib/checks.mjs'
import { runChaos } from './lib/run.mjs'

const ids = CHECKS.map(({ id }) => id)
const options = readOptions()

if (options.help) {
  console.log('usage: pnpm chaos [--minutes N] [--seed S] [--json] [--inject CHECK,…]\n')
  console.log('  --minutes N     how long to kill, 1 unless given; accounting comes after that')
  console.log('  --seed S        decides what is planned; when it happens is up to the machine')
  console.log('  --json          the summary as JSON on stdout')
  console.log('  --inject CHECK  break what these checks guard, to see that they find it\n\nchecks:')
  for (const { id, title } of CHECKS) console.log(`  ${id.padEnd(16)}${title}`)
  process.exit()
}

const minutes = Number(options.minutes)
const seed = Number(options.seed)
if (!(minutes >= 0)) refuse(`--minutes must be a number from 0, not ${options.minutes}`)
if (!Number.isSafeInteger(seed)) refuse(`--seed must be an integer, not ${options.seed}`)
const injected = options.inject?.split(',') ?? []
if (!injected.every((id) => ids.includes(id))) refuse(`--inject must be of ${ids.join(', ')}, not ${options.inject}`)
for (const program of ['flock', 'setsid']) {
  if (spawnSync(program, ['--version']).error !== undefined) refuse(`the program ${program} is missing (util-linux)`)
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => interrupted.abort())

const result = await runChaos({
  minutes,
  seed,
  injected,
  onProgress: makeProgress(process.stderr),
  signal: interrupted.signal,
})
process.stderr.write('\n')
if (options.json) console.log(JSON.stringify(result, null, 2))
else report(result)
process.exit(result.violations.length === 0 ? 0 : 1)

function readOptions() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        inject: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    // Not 1, which would say that something was violated.
    return refuse(error.message)
  }
}

function refuse(message) {
  console.error(`chaos: ${message}`)
  process.exit(2)
}

/** On a terminal one line that changes, elsewhere a line every ten seconds. */
function makeProgress(stream) {
  let next = 0
  return (text) => {
    const now = performance.now()
    if (now < next) return
    next = now + (stream.isTTY ? 200 : 10_000)
    stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
  }
}

function report({ seed, seconds, directory, violations, ...account }) {
  console.log(`seed ${seed}, ${seconds} s`)
  for (const [name, value] of Object.entries(account)) console.log(`  ${name}: ${JSON.stringify(value)}`)
  for (const { check, what, journal } of violations) {
    console.log(`VIOLATION ${check}: ${what}`)
    for (const line of journal) console.log(`    ${line}`)
  }
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} violations; see ${directory}`)
}
