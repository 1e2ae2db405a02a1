import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Command as AnyCommand, Help } from 'commander'
import { commandOf } from './argv.js'
import { COMMON_OPTIONS } from './commands/common.js'
import { write } from './output/print.js'
import { VERSION } from './version.js'

/** Loads each command's module on demand: the named one, or all of them for help and suggestions. */
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

/** Loads the definition of a command; undefined if the name is unknown. */
export async function loadCommand(name: string): Promise<CommandUnknownOpts | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.() : undefined
}

/** Creates the program with the commands that this command line needs. */
export async function makeProgram(
  argv: readonly string[],
  { showErrors }: { showErrors: boolean },
): Promise<Command<[], { pool?: string; json?: true }>> {
  const program = new Command('bgtask')
    .description('Run background tasks, each with its own small supervisor, and find them again from any shell.')
    .usage('<command> [options]')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--pool <dir>', 'pool directory; also accepted after the command')
    .option('--json', 'print JSON; also accepted after the command')
    .on('option:pool', (dir: string) => {
      process.env.BGTASK_TASKPOOL_PATH = dir
    })
    .enablePositionalOptions()
    .addHelpText('after', QUICK_START)
  const named = commandOf(argv)
  const one = named === undefined ? undefined : await loadCommand(named)
  const commands = one === undefined ? await allCommands(argv) : [one]
  for (const command of commands) program.addCommand(command, { hidden: command.name().startsWith('_') })
  for (const command of [program, ...commands]) configure(command, showErrors)
  // Help for an unknown command would hide the error and the suggestion.
  if (named !== undefined && one === undefined) program.helpOption(false)
  return program
}

const QUICK_START = `
Start here:
  bgtask run --name web -- python3 -m http.server   start a task; prints its id
  bgtask ls                                         list running tasks
  bgtask logs -f web                                follow its output
  bgtask stop web                                   end it; bgtask rm web removes it

Run bgtask <command> --help for details. An id is a pid, a name, a task id, a unique prefix of these two, or @last.`

/** Needed for help and to suggest a name for a mistyped one; `--version` needs none. */
function allCommands(argv: readonly string[]): Promise<CommandUnknownOpts[]> {
  if (argv.length === 1 && (argv[0] === '-V' || argv[0] === '--version')) return Promise.resolve([])
  return Promise.all(Object.values(COMMANDS).map((load) => load()))
}

function configure(command: CommandUnknownOpts, showErrors: boolean): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show this help')
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

/** Points to the help if commander has no suggestion for an unknown command. */
function withAdvice(message: string): string {
  const isUnknown = message.includes('unknown command') && !message.includes('Did you mean')
  return isUnknown ? `${message.trimEnd()} (bgtask --help lists all commands)\n` : message
}
