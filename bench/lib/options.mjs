import { parseArgs } from 'node:util'

/** The program's options. What is wrong is told in a line and ends it with 2; so does `--help` with 0. */
export function readOptions(options, help) {
  let values
  try {
    values = parseArgs({ options: { ...options, help: { type: 'boolean', default: false } } }).values
  } catch (error) {
    refuse(error.message)
  }
  if (values.help) {
    console.log(help)
    process.exit()
  }
  return values
}

/** Those of a list whose ids are named, with commas between them, or all; one that is not `known` ends the program. */
export function choose(from, names, what, known = from) {
  const wanted = names?.split(',')
  const unknown = wanted?.filter((id) => !known.some((one) => one.id === id)) ?? []
  if (unknown.length > 0) refuse(`unknown ${what}: ${unknown.join(', ')}`)
  return from.filter(({ id }) => wanted === undefined || wanted.includes(id))
}

function refuse(message) {
  console.error(`${message} (see --help)`)
  process.exit(2)
}
