/** Translates forms that users know from other programs (`help ls`, `kill -9`) into what the parser takes. */
export function normalizeArgv(argv: readonly string[]): string[] {
  const at = commandIndex(argv)
  const [command, words] = [argv[at], argv.slice(at + 1)]
  const followedBy = (rest: readonly string[]) => [...argv.slice(0, at + 1), ...rest]
  if (command === undefined) return argv.length === 0 ? ['--help'] : [...argv]
  if (command === 'help') return [...words.slice(0, 1), '--help']
  if (command === 'kill') return followedBy(words.flatMap(signalOption))
  if (command === 'send') return followedBy(separateText(words))
  return [...argv]
}

/** Returns the command's name: the first word that is neither an option nor the value of `--pool`. */
export function commandOf(argv: readonly string[]): string | undefined {
  return argv[commandIndex(argv)]
}

/** Whether errors must be JSON. Decided before the command line is parsed. What follows `--` belongs to the task. */
export function requestsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json')
}

function commandIndex(argv: readonly string[]): number {
  const index = argv.findIndex((word, index) => !word.startsWith('-') && argv[index - 1] !== '--pool')
  return index === -1 ? argv.length : index
}

/** Turns `kill -9` and `kill -INT`, the forms of kill(1), into `-s`. */
function signalOption(word: string): string[] {
  return /^-(\d+|[A-Z][A-Z\d]+)$/.test(word) ? ['-s', word.slice(1)] : [word]
}

const SEND_FLAGS = /^(-n|--no-newline|--eof|--json|-h|--help|--(timeout|pool)=.*)$/
const SEND_VALUES = /^--(timeout|pool)$/

/** Inserts `--` before the text of `send`: options may precede or follow the id, but everything after the text's first word is text. */
function separateText(words: readonly string[]): string[] {
  let hasId = false
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string
    if (word === '--') break
    if (SEND_VALUES.test(word)) index += 1
    else if (SEND_FLAGS.test(word)) continue
    else if (hasId) return [...words.slice(0, index), '--', ...words.slice(index)]
    else hasId = true
  }
  return [...words]
}
