/** A command line as it is parsed: with the forms that people know from other programs. */
export function normalized(argv: readonly string[]): string[] {
  const at = commandIndex(argv)
  const [command, words] = [argv[at], argv.slice(at + 1)]
  const followedBy = (rest: readonly string[]) => [...argv.slice(0, at + 1), ...rest]
  if (command === undefined) return argv.length === 0 ? ['--help'] : [...argv]
  if (command === 'help') return [...words.slice(0, 1), '--help']
  if (command === 'kill') return followedBy(words.flatMap(signalOption))
  if (command === 'send') return followedBy(textApart(words))
  return [...argv]
}

/** The first word that names a command: neither an option, nor the value of `--pool`. */
export function commandOf(argv: readonly string[]): string | undefined {
  return argv[commandIndex(argv)]
}

/** Whether errors are to be JSON, told before the command line is understood; what is behind `--` belongs to somebody else. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json')
}

function commandIndex(argv: readonly string[]): number {
  const index = argv.findIndex((word, index) => !word.startsWith('-') && argv[index - 1] !== '--pool')
  return index === -1 ? argv.length : index
}

/** `kill -9` and `kill -INT`, as kill(1) has them. */
function signalOption(word: string): string[] {
  return /^-(\d+|[A-Z][A-Z\d]+)$/.test(word) ? ['-s', word.slice(1)] : [word]
}

const SEND_FLAGS = /^(-n|--no-newline|--eof|--json|-h|--help|--(timeout|pool)=.*)$/
const SEND_VALUES = /^--(timeout|pool)$/

/** Options of `send` may stand on both sides of the id; from the first word of the text on, all is text. */
function textApart(words: readonly string[]): string[] {
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
