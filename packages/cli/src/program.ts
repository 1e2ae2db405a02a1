import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Command as AnyCommand, Help } from 'commander'
import { commandOf } from './argv.js'
import { COMMON_OPTIONS } from './commands/common.js'
import { write } from './output/print.js'
import { VERSION } from './version.js'

/** Each command's module is evaluated when it is needed: the one that is named, or all of them for help and suggestions. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandUnknownOpts>>> = {
  run: async () => (await import('./commands/run.js')).runCommand(),
  ls: async () => (await import('./commands/ls.js')).lsCommand(),
  info: async () => (await import('./commands/info.js')).infoCommand(),
  logs: async () => (await import('./commands/logs.js')).logsCommand(),
  top: async () => (await import('./commands/top.js')).topCommand(),
  attach: async () => (await import('./commands/attach.js')).attachCommand(),
  send: async () => (await import('./commands/send.js')).sendCommand(),
  meta: async () => (await import('./commands/meta.js')).metaCommand(),
  wait: async () => (await import('./commands/wait.js')).waitCommand(),
  kill: async () => (await import('./commands/signals.js')).killCommand(),
  pause: async () => (await import('./commands/signals.js')).pauseCommand(),
  resume: async () => (await import('./commands/signals.js')).resumeCommand(),
  stop: async () => (await import('./commands/stop.js')).stopCommand(),
  restart: async () => (await import('./commands/stop.js')).restartCommand(),
  rm: async () => (await import('./commands/rm.js')).rmCommand(),
  prune: async () => (await import('./commands/prune.js')).pruneCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  web: async () => (await import('./commands/web.js')).webCommand(),
  completion: async () => (await import('./commands/completion.js')).completionCommand(),
  __complete: async () => (await import('./commands/completion.js')).completeCommand(COMMAND_NAMES, loadCommand),
}

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS).filter((name) => !name.startsWith('_'))

/** The definition of one command; undefined where there is none of that name. */
export async function loadCommand(name: string): Promise<CommandUnknownOpts | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.() : undefined
}

/** The program with what this command line needs of it. */
export async function makeProgram(
  argv: readonly string[],
  { showErrors }: { showErrors: boolean },
): Promise<Command<[], { pool?: string; json?: true }>> {
  const program = new Command('bgtask')
    .description('Background tasks: each with its own small supervisor, found again from anywhere.')
    .usage('<command> [options]')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--pool <dir>', 'the pool, also behind the command')
    .option('--json', 'print JSON, also behind the command')
    .on('option:pool', (dir: string) => {
      process.env.BGTASK_TASKPOOL_PATH = dir
    })
    .enablePositionalOptions()
    .addHelpText('after', START)
  const named = commandOf(argv)
  const one = named === undefined ? undefined : await loadCommand(named)
  const commands = one === undefined ? await allCommands(argv) : [one]
  for (const command of commands) program.addCommand(command, { hidden: command.name().startsWith('_') })
  for (const command of [program, ...commands]) configure(command, showErrors)
  // Help for a command that does not exist would hide that, and what may be meant.
  if (named !== undefined && one === undefined) program.helpOption(false)
  return program
}

const START = `
Start here:
  bgtask run --name web -- python3 -m http.server   start a task; prints its id
  bgtask ls                                         what runs
  bgtask logs -f web                                what it says
  bgtask stop web                                   end it; bgtask rm web forgets it

bgtask <command> --help tells more of each. An id is a pid, a name, a task id, a unique prefix of these two, or @last.`

/** For help and for the nearest name of a mistyped one; nothing is needed for `--version`. */
function allCommands(argv: readonly string[]): Promise<CommandUnknownOpts[]> {
  if (argv.length === 1 && (argv[0] === '-V' || argv[0] === '--version')) return Promise.resolve([])
  return Promise.all(Object.values(COMMANDS).map((load) => load()))
}

function configure(command: CommandUnknownOpts, showErrors: boolean): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => void write('stdout', text),
      writeErr: (text) => void (showErrors && write('stderr', text)),
      outputError: (text, write) => write(withAdvice(text.replace(/^error: /, 'bgtask: '))),
    })
    .configureHelp({
      visibleOptions(shown) {
        const options = Help.prototype.visibleOptions.call(this, shown as unknown as AnyCommand)
        const isCommon = (flags: string) => COMMON_OPTIONS.includes(flags)
        return [...options.filter(({ flags }) => !isCommon(flags)), ...options.filter(({ flags }) => isCommon(flags))]
      },
    })
}

/** A command that is near to none of ours must not leave one alone. */
function withAdvice(message: string): string {
  const isUnknown = message.includes('unknown command') && !message.includes('Did you mean')
  return isUnknown ? `${message.trimEnd()} (bgtask --help names all)\n` : message
}
