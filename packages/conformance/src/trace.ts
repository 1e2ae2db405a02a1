/** What a check sent and received last, for the message of one that fails. */
export class Trace {
  readonly #lines: string[] = []

  sent(what: string, value?: unknown): void {
    this.#add(`sent ${what}${value === undefined ? '' : ` ${shown(value)}`}`)
  }

  received(value: unknown): void {
    this.#add(`received ${shown(value)}`)
  }

  toString(): string {
    return this.#lines.join('\n')
  }

  #add(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
  }
}

/** The last few calls: long polls and infos of other clients may be in between. */
const MAX_LINES = 6

const MAX_CHARACTERS = 300

function shown(value: unknown): string {
  if (value instanceof Error) return value.message
  const text =
    JSON.stringify(value, (_, entry) => (isBytes(entry) ? `${entry.data.length} bytes` : entry)) ?? 'undefined'
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text
}

/** As `JSON.stringify` sees a `Buffer`. */
const isBytes = (value: unknown): value is { data: number[] } =>
  typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer'
