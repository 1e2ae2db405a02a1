/** How a supervisor is started. */
export interface SupervisorCommand {
  readonly kind: 'custom' | 'native' | 'node'
  readonly argv: readonly string[]
  /** It leaves its parent by itself (feature `detach`), so that no shell is needed for that. */
  readonly detaches: boolean
}

/** What `supervisorCommand` of `@bgtask/supervisor` puts before a supervisor: a shell, `-c`, a script, and this as its `$0`. */
const SHELL_NAME = 'bgtask-supervisor'
const SHELL_WORDS = 4

/** Characters of one word and of the whole of a supervisor's command line in an error, which ends up in logs. */
const MAX_WORD_LENGTH = 100
const MAX_LINE_LENGTH = 300

/** A supervisor's argv in one line for people: without the shell before it, and long words are cut. */
export function commandLine(argv: readonly string[]): string {
  const own = argv[3] === SHELL_NAME && argv.length > SHELL_WORDS ? argv.slice(SHELL_WORDS) : argv
  const words = own.map((word) => cut(word.replace(/\s+/g, ' '), MAX_WORD_LENGTH))
  return cut(words.join(' '), MAX_LINE_LENGTH)
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
