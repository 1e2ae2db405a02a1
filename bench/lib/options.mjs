import { parseArgs } from 'node:util'

/**
 * The program's options, and as `words` what is none, where that is allowed. An error is printed in a line and ends it
 * with 2; so does `--help` with 0.
 */
export function readOptions(options, help, { allowWords = false } = {}) {
  const { values, positionals } = parse({
    options: { ...options, help: { type: 'boolean', default: false } },
    allowPositionals: allowWords,
  })
  if (values.help) {
    console.log(help)
    process.exit()
  }
  return { ...values, words: positionals }
}

function parse(config) {
  try {
    return parseArgs(config)
  } catch (error) {
    return refuse(error.message)
  }
}

/** Those of a list whose ids are named, with commas between them, or all; one that is not `known` ends the program. */
export function choose(from, names, what, known = from) {
  const wanted = names?.split(',')
  const unknown = wanted?.filter((id) => !known.some((one) => one.id === id)) ?? []
  if (unknown.length > 0) refuse(`unknown ${what}: ${unknown.join(', ')}`)
  return from.filter(({ id }) => wanted === undefined || wanted.includes(id))
}

/** Ends the program, which was called in a wrong way. */
export function refuse(message) {
  console.error(`${message} (see --help)`)
  process.exit(2)
}
