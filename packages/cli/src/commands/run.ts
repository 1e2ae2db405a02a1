import type { SpawnOptions } from '@bgtask/pool'
import type { Behavior, Overflow } from '@bgtask/protocol'
import { Option } from '@commander-js/extra-typings'
import { CliError } from '../errors.js'
import { parseEnv, parseMeta } from '../meta.js'
import { openPool } from '../open-pool.js'
import { parseRestart } from '../restart-policy.js'
import { collect, duration, examples, poolCommand, regExp, size } from './common.js'
import type { RunOptions } from './run-options.js'

const BEHAVIORS: readonly Behavior[] = ['daemon', 'background', 'foreground']
const OVERFLOWS: readonly Overflow[] = ['discard', 'block']

/** Kept of each output in files: 64 MiB. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

export function runCommand() {
  return poolCommand('run')
    .description('start a task and print its id')
    .usage('[options] [--] <command> [args...]')
    .argument('<command...>', 'program and arguments; use sh -c … for a shell command line')
    .passThroughOptions()
    .option('-n, --name <name>', 'name to find the task by')
    .option('-m, --meta <key=value>', 'further data to find the task by (repeatable)', collect)
    .option('-e, --env <key=value>', 'environment variable for the task (repeatable)', collect)
    .option('-C, --cwd <dir>', 'working directory of the task')
    .option('--lock <file>', 'run only if this file can be locked; hold the lock while the task runs')
    .addOption(new Option('--behavior <behavior>', 'what the task survives (docs/cli.md)').choices(BEHAVIORS))
    .option('--restart <policy>', 'when to restart the task: on-failure[:N], always[:N] or no', parseRestart)
    .option('--timeout <duration>', 'stop each run after this long', duration)
    .option('--max-buffer <size>', 'bytes to keep of each output (default: 16M)', size)
    .addOption(
      new Option('--overflow <what>', 'when that is full: discard the oldest output, or block the task').choices(
        OVERFLOWS,
      ),
    )
    .option('--keep', 'keep output in files (64M of each), and no process once the task has ended')
    .option('--no-stdin', 'use /dev/null instead of a pipe for stdin')
    .option('-w, --wait', 'wait until the task ends, and exit with its code')
    .option('-a, --attach', "show the output, forward your input, and exit with the task's code")
    .option('--ready <pattern>', 'wait until the output matches a regular expression', regExp)
    .option(
      '--ready-timeout <duration>',
      'stop waiting after this long; exit code 124, and the task keeps running',
      duration,
    )
    .option('--rm', 'remove the task when it has ended')
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
    // Ctrl-C detaches with the one and stops the task with the other.
    throw new CliError('ERR_BGTASK_USAGE', '--attach and --behavior foreground cannot be combined')
  }
  if (options.json && options.behavior === 'foreground') {
    throw new CliError('ERR_BGTASK_USAGE', "--json and --behavior foreground cannot be combined: stdout is the task's")
  }
  const pool = openPool(options, { create: true })
  if (options.behavior === 'foreground') {
    const { runInForeground } = await import('./run-foreground.js')
    return runInForeground((signal) => pool.spawn({ ...spawnOptions(command, options), signal }), options)
  }
  // Load what runs after the launch while the supervisor starts.
  const [task, { follow }] = await Promise.all([pool.spawn(spawnOptions(command, options)), import('./run-follow.js')])
  await follow(task, pool, options)
}

function spawnOptions(command: readonly string[], options: RunOptions): SpawnOptions {
  const { name, behavior, restart, timeout, maxBuffer, overflow, keep } = options
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
    ...(keep && { spool: { maxBytes: MAX_FILE_BYTES }, lingerMs: 0 }),
    stdin: options.stdin ? 'pipe' : 'null',
    meta: {
      ...parseMeta(options.meta ?? []),
      ...(name !== undefined && { name: checkName(name) }),
    },
  }
}

function checkName(name: string): string {
  if (name === '') throw new CliError('ERR_BGTASK_USAGE', 'the name must not be empty')
  if (/^\d+$/.test(name)) throw new CliError('ERR_BGTASK_USAGE', `the name ${name} looks like a pid`)
  if (name.startsWith('@') || name.startsWith('-')) {
    throw new CliError('ERR_BGTASK_USAGE', `the name ${name} must not start with @ or -`)
  }
  return name
}
