/** The first word that names a command: neither an option, nor the value of `--pool`. */
export function commandOf(argv: readonly string[]): string | undefined {
  return argv.find((word, index) => !word.startsWith('-') && argv[index - 1] !== '--pool')
}

/** `kill -9` and `kill -INT`, as kill(1) has them, put so that they can be parsed. */
export function withSignalOption(argv: readonly string[]): string[] {
  if (commandOf(argv) !== 'kill') return [...argv]
  return argv.flatMap((word) => (/^-(\d+|[A-Z][A-Z\d]+)$/.test(word) ? ['-s', word.slice(1)] : [word]))
}

/** Whether errors are to be JSON, told before the command line is understood; what is behind `--` belongs to somebody else. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json')
}
