import { constants } from 'node:os'
import { printable } from '@bgtask/os'
import { Argument, Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { commandOf } from '../argv.js'
import { openPool } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { allTargets, nameOf } from '../targets.js'
import { examples, JSON_FLAG, JSON_HELP } from './common.js'

/** Each script asks `bgtask __complete` for the candidates at the cursor, so ids are always current. Names that a shell would expand are quoted. */
const SCRIPTS = {
  bash: `_bgtask() {
  local candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("$(printf %q "$candidate")")
  done < <(bgtask __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _bgtask bgtask`,
  zsh: `#compdef bgtask
_bgtask() {
  local -a candidates
  candidates=("\${(@f)$(bgtask __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- $candidates; else _files; fi
}
compdef _bgtask bgtask`,
  fish: `function __bgtask
  set -l candidates (bgtask __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if set -q candidates[1]
    printf '%s\\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c bgtask -f -a '(__bgtask)'`,
} as const

const SHELLS = ['bash', 'zsh', 'fish'] as const

export function completionCommand() {
  return new Command('completion')
    .option(JSON_FLAG, JSON_HELP)
    .description('print a shell script that completes commands, options and ids')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', examples('source <(bgtask completion bash)', 'bgtask completion fish | source'))
    .action((shell, { json }) => {
      const script = SCRIPTS[shell]
      return json ? printJson({ shell, script }) : print(script)
    })
}

type LoadCommand = (name: string) => Promise<CommandUnknownOpts | undefined>

/**
 * @param names of all commands.
 * @param load gives the definition of one.
 */
export function completeCommand(names: readonly string[], load: LoadCommand) {
  return new Command('__complete').argument('[words...]').action(async (words) => {
    for (const candidate of await candidates(words, names, load)) await print(candidate)
  })
}

/** Returns the completions of the last word. */
async function candidates(words: readonly string[], names: readonly string[], load: LoadCommand): Promise<string[]> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const name = commandOf(before)
  const command = name === undefined ? undefined : await load(name)
  const all =
    name === undefined
      ? [...names, '--pool', '--json', '--help', '--version']
      : await argumentCandidates(command, before, current)
  return all.filter((word) => word.startsWith(current))
}

async function argumentCandidates(
  command: CommandUnknownOpts | undefined,
  before: readonly string[],
  current: string,
): Promise<readonly string[]> {
  if (command === undefined || before.includes('--')) return []
  const previous = before.at(-1)
  const option = command.options.find(({ long, short }) => previous !== undefined && [long, short].includes(previous))
  if (option?.required) return option.long === '--signal' ? Object.keys(constants.signals) : (option.argChoices ?? [])
  if (current.startsWith('-')) return [...command.options.flatMap(({ long }) => long ?? []), '--help']
  const [argument] = command.registeredArguments
  if (argument?.argChoices !== undefined) return argument.argChoices
  const takesId = argument?.name() === 'id' || command.name() === 'meta'
  return takesId ? ids(before) : []
}

/** False for a name that is empty or contains control characters, which would act on the terminal. */
function isOneWord(name: string): boolean {
  return name !== '' && printable(name) === name
}

async function ids(before: readonly string[]): Promise<string[]> {
  const pool = before[before.indexOf('--pool') + 1]
  const targets = await allTargets(openPool({ pool: before.includes('--pool') ? pool : undefined }))
  return [...new Set(targets.flatMap(({ id, info }) => [nameOf(info), String(id)].filter(isOneWord))), '@last']
}
