// Many tasks, random clients, and random kills of everybody; then every task, exit, byte, lock, process, file and
// descriptor is accounted for. Exits with 1 if anything is wrong.
//   pnpm chaos [--mode MODE] [--supervisor NAME] [--minutes N] [--seed S] [--json] [--inject CHECK,…]
import { parseArgs } from 'node:util'
import { CHECKS } from './lib/checks.mjs'
import { MODES, missingFor } from './lib/modes.mjs'
import { runChaos } from './lib/run.mjs'
import { missingSupervisor, SUPERVISORS } from './lib/supervisors.mjs'

const ids = CHECKS.map(({ id }) => id)
const options = readOptions()

if (options.help) {
  console.log(
    'usage: pnpm chaos [--mode MODE] [--supervisor NAME] [--minutes N] [--seed S] [--json] [--inject CHECK,…]\n',
  )
  console.log('  --mode MODE        what fails beside those that are killed, default unless given')
  console.log('  --supervisor NAME  the supervisor of the tasks: node, which is the default, or native')
  console.log('  --minutes N        how long to kill, 1 unless given; accounting comes after that')
  console.log('  --seed S           decides what is planned; when it happens is up to the machine')
  console.log('  --json             the summary as JSON on stdout')
  console.log('  --inject CHECK     break what these checks guard, to see that they find it\n\nmodes:')
  for (const { id, title } of MODES) console.log(`  ${id.padEnd(16)}${title}`)
  console.log('\nchecks:')
  for (const { id, title } of CHECKS) console.log(`  ${id.padEnd(16)}${title}`)
  process.exit()
}

const minutes = Number(options.minutes)
const seed = Number(options.seed)
if (!(minutes >= 0)) refuse(`--minutes must be a number from 0, not ${options.minutes}`)
if (!Number.isSafeInteger(seed)) refuse(`--seed must be an integer, not ${options.seed}`)
const injected = options.inject?.split(',') ?? []
if (!injected.every((id) => ids.includes(id))) refuse(`--inject must be of ${ids.join(', ')}, not ${options.inject}`)
const mode = MODES.find(({ id }) => id === options.mode)
if (mode === undefined) refuse(`--mode must be one of ${MODES.map(({ id }) => id).join(', ')}, not ${options.mode}`)
if (mode.sides.length > 1 && injected.length > 0) refuse(`--inject is not for mode ${mode.id}: each side would find it`)
if (!SUPERVISORS.includes(options.supervisor))
  refuse(`--supervisor must be one of ${SUPERVISORS.join(', ')}, not ${options.supervisor}`)
const missing = missingFor(mode)
if (missing !== undefined) refuse(`mode ${mode.id}: ${missing}`)
const missingCommand = missingSupervisor(options.supervisor)
if (missingCommand !== undefined) refuse(missingCommand)
process.env.CHAOS_SUPERVISOR = options.supervisor

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => interrupted.abort())

const result = await runChaos({
  mode,
  minutes,
  seed,
  injected,
  onProgress: makeProgress(process.stderr),
  signal: interrupted.signal,
})
process.stderr.write('\n')
if (options.json)
  console.log(JSON.stringify({ mode: mode.id, supervisor: options.supervisor, seed, ...result }, null, 2))
else report({ mode: mode.id, supervisor: options.supervisor, seed, ...result })
process.exit(result.violations.length === 0 ? 0 : 1)

function readOptions() {
  try {
    return parseArgs({
      options: {
        mode: { type: 'string', default: 'default' },
        supervisor: { type: 'string', default: 'node' },
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

function report({ mode, supervisor, seed, directory, violations, ...account }) {
  console.log(`mode ${mode}, supervisor ${supervisor}, seed ${seed}`)
  for (const [name, value] of Object.entries(account)) console.log(`  ${name}: ${JSON.stringify(value)}`)
  for (const { check, side, what, journal } of violations) {
    console.log(`VIOLATION ${check}${side === undefined ? '' : ` on side ${side}`}: ${what}`)
    for (const line of journal) console.log(`    ${line}`)
  }
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} violations; see ${directory}`)
}
