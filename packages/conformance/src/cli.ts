#!/usr/bin/env node
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { formatOutcome, formatSummary, runConformance } from './index.js'

const HELP = `Usage: npx @bgtask/conformance [options] [-- <supervisorCmd…>]
       npx @bgtask/conformance --profile client -- <driverCmd…>

Checks a supervisor against docs/launch.md, docs/wire.md and docs/pool-directory.md of bgtask, and prints
the result of each check with the ids of its sentences. Without a command: the daemon of @bgtask/supervisor.

Options:
  --profile core|full|client
                       core: launch, socket, getInfo, kill, stop, terminate, output by offset;
                       full (default): all that a supervisor must do;
                       client: what launchers and readers must do, through a driver (see the README)
  --json               print one JSON object instead of the table
  --help               print this

Exit code: 0 if every MUST of the profile holds, 1 if one does not, 2 for a wrong command line,
130 or 143 after SIGINT or SIGTERM, 141 if the reader closes the output. All processes that it started
are ended, in these cases too.
`

const STOPPING = ['SIGINT', 'SIGTERM'] as const

const stopped = new AbortController()
for (const name of STOPPING) process.on(name, () => stopped.abort(name))
process.stdout.on('error', () => stopped.abort('SIGPIPE'))
// A check that has failed no longer waits for what it began, and the others are to be made all the same.
process.on('unhandledRejection', () => {})

// Whatever a check has left must not keep the program alive, nor start anything.
process.exit(await main(process.argv.slice(2)).catch(codeOfStop))

async function main(argv: string[]): Promise<number> {
  const end = argv.indexOf('--')
  const command = end < 0 ? [] : argv.slice(end + 1)
  const parsed = parse(end < 0 ? argv : argv.slice(0, end))
  if (typeof parsed === 'string') {
    process.stderr.write(`${parsed}\n\n${HELP}`)
    return 2
  }
  if (parsed.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { json, profile } = parsed
  if (profile === 'client' && command.length === 0) {
    process.stderr.write(`--profile client needs the command of a driver behind --\n\n${HELP}`)
    return 2
  }
  const report = await runConformance({
    ...(profile === 'client' ? { driverCmd: command } : command.length > 0 && { supervisorCmd: command }),
    profile,
    signal: stopped.signal,
    onOutcome: (outcome) => {
      if (!json) process.stdout.write(`${formatOutcome(outcome)}\n`)
    },
  })
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `\n${formatSummary(report)}\n`)
  return report.conforms ? 0 : 1
}

/** The exit code of a program that a signal ended. */
function codeOfStop(error: unknown): number {
  const { aborted, reason } = stopped.signal
  if (!aborted) throw error
  return 128 + constants.signals[reason as NodeJS.Signals]
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        profile: { type: 'string', default: 'full' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const { profile, json, help } = values
    if (profile === 'core' || profile === 'full' || profile === 'client') return { profile, json, help } as const
    return `--profile must be core, full or client, got ${profile}`
  } catch (error) {
    return (error as Error).message
  }
}
