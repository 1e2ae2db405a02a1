import type { SpawnOptions } from '@bgtask/pool'
import type { Behavior, Overflow } from '@bgtask/protocol'
import { Option } from '@commander-js/extra-typings'
import { CliError } from '../errors.js'
import { parseEnv, parseMeta } from '../meta.js'
import { openPool } from '../open-pool.js'
import { parseRestart } from '../restart-policy.js'
import { duration, examples, poolCommand, regExp, several, size } from './common.js'
import type { RunOptions } from './run-options.js'

const BEHAVIORS: readonly Behavior[] = ['daemon', 'background', 'foreground']
const OVERFLOWS: readonly Overflow[] = ['discard', 'block']

export function runCommand() {
  return poolCommand('run')
    .description('start a task and print its id')
    .usage('[options] [--] <command> [args...]')
    .argument('<command...>', 'a program and its arguments; sh -c … for a command line')
    .passThroughOptions()
    .option('-n, --name <name>', 'a name to find it by')
    .option('-m, --meta <key=value>', 'what else to find it by (several)', several)
    .option('-e, --env <key=value>', 'an environment variable of the task (several)', several)
    .option('-C, --cwd <dir>', 'where it runs')
    .option('--lock <file>', 'run only if this file can be locked, and hold the lock as long as it runs')
    .addOption(new Option('--behavior <behavior>', 'what it survives (docs/cli.md)').choices(BEHAVIORS))
    .option('--restart <policy>', 'on-failure[:N], always[:N] or no', parseRestart)
    .option('--timeout <duration>', 'stop each run after this long', duration)
    .option('--max-buffer <size>', 'bytes kept of each output, 16M unless given', size)
    .addOption(
      new Option('--overflow <what>', 'when that is full: forget the oldest, or let it wait').choices(OVERFLOWS),
    )
    .option('--no-stdin', 'give it /dev/null instead of a pipe')
    .option('-w, --wait', 'wait for its end and exit with its code')
    .option('-a, --attach', 'show its output, send it what is typed, exit with its code')
    .option('--ready <pattern>', 'wait until its output matches a regular expression', regExp)
    .option('--ready-timeout <duration>', 'wait no longer for that; exit code 124, and the task goes on', duration)
    .option('--rm', 'forget it when it has ended')
    .addHelpText(
      'after',
      examples(
        'bgtask run --name web --ready "Serving HTTP" -- python3 -um http.server',
        'bgtask run --name backup --lock /tmp/backup.lock --restart on-failure:3 -- ./backup.sh',
      ),
    )
    .action(run)
}

async function run(command: readonly string[], options: RunOptions): Promise<void> {
  if (options.attach && options.behavior === 'foreground') {
    // What Ctrl-C does would be the one or the other.
    throw new CliError('ERR_BGTASK_USAGE', '--attach and --behavior foreground exclude each other')
  }
  if (options.json && options.behavior === 'foreground') {
    throw new CliError('ERR_BGTASK_USAGE', "--json and --behavior foreground exclude each other: stdout is the task's")
  }
  const pool = openPool(options, { make: true })
  if (options.behavior === 'foreground') {
    const { runInForeground } = await import('./run-foreground.js')
    return runInForeground((signal) => pool.spawn({ ...spawnOptions(command, options), signal }), options)
  }
  // What comes after the launch is loaded while the supervisor starts.
  const [task, { follow }] = await Promise.all([pool.spawn(spawnOptions(command, options)), import('./run-follow.js')])
  await follow(task, pool, options)
}

function spawnOptions(command: readonly string[], options: RunOptions): SpawnOptions {
  const { name, behavior, restart, timeout, maxBuffer, overflow } = options
  return {
    exec: command,
    env: parseEnv(options.env ?? []),
    cwd: options.cwd,
    lockfile: options.lock,
    behavior,
    restart,
    overflow,
    maxRuntimeMs: timeout,
    maxReadBufSize: maxBuffer,
    stdin: options.stdin ? 'pipe' : 'null',
    meta: {
      ...parseMeta(options.meta ?? []),
      ...(name !== undefined && { name: checkName(name) }),
    },
  }
}

function checkName(name: string): string {
  if (name === '') throw new CliError('ERR_BGTASK_USAGE', 'the name must not be empty')
  if (/^\d+$/.test(name)) throw new CliError('ERR_BGTASK_USAGE', `the name ${name} could not be told from a pid`)
  if (name.startsWith('@') || name.startsWith('-')) {
    throw new CliError('ERR_BGTASK_USAGE', `the name ${name} must not begin with @ or -`)
  }
  return name
}
