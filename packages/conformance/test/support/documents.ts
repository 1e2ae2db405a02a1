import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const NAMES = ['launch', 'wire', 'pool-directory'] as const

/** A sentence with an id that demands something. */
export interface Sentence {
  readonly id: string
  readonly core: boolean
  readonly level: 'must' | 'should'
  readonly text: string
}

/** An example of a message or spec. */
export interface Example {
  readonly kind: 'spec' | 'request' | 'response' | 'notification'
  /** Of the method or event; empty for a spec, or an error. */
  readonly name: string
  readonly bytes: Buffer
  readonly value: unknown
  readonly where: string
}

export const documents: readonly { name: string; text: string }[] = NAMES.map((name) => {
  const path = resolve(import.meta.dirname, `../../../../docs/${name}.md`)
  return { name, text: readFileSync(path, 'utf8') }
})

export const sentences: readonly Sentence[] = documents.flatMap(({ text }) => listItems(text).flatMap(sentenceOf))

/** What is demanded outside of a sentence with an id. */
export function demandsWithoutId(): string[] {
  return documents.flatMap(({ name, text }) => {
    const withIds = listItems(text).filter((item) => sentenceOf(item).length > 0)
    const rest = withIds.reduce((left, item) => left.replace(item, ''), text)
    return rest
      .split('\n')
      .filter((line) => /\b(MUST|SHOULD|SHALL)\b/.test(line) && !/MUST.*RFC 2119|ids, MUST|id, MUST/.test(line))
      .map((line) => `${name}.md: ${line}`)
  })
}

export const examples: readonly Example[] = documents.flatMap(({ name, text }) =>
  [...text.matchAll(/```msgpack (\w+) ?(\w*)\n([0-9a-f]+)\n(.+)\n```/g)].map((match) => {
    const [, kind, of = '', hex = '', diagnostic = ''] = match
    const line = text.slice(0, match.index).split('\n').length
    return {
      kind: kind as Example['kind'],
      name: of,
      bytes: Buffer.from(hex, 'hex'),
      value: parseDiagnostic(diagnostic),
      where: `${name}.md:${line}`,
    }
  }),
)

/** The text below a heading, up to the next one of the same or a higher level. */
export function section(document: (typeof NAMES)[number], heading: string): string {
  const text = documents.find(({ name }) => name === document)?.text ?? ''
  const start = text.indexOf(`${heading}\n`)
  if (start < 0) throw new Error(`${document}.md has no heading ${heading}`)
  const level = heading.indexOf(' ')
  const rest = text.slice(start + heading.length)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** JSON with `h'…'` for bytes. */
function parseDiagnostic(text: string): unknown {
  const json = text.replaceAll(/h'([0-9a-f]*)'/g, '"bytes:$1"')
  return JSON.parse(json, (_, value) =>
    typeof value === 'string' && value.startsWith('bytes:') ? Buffer.from(value.slice(6), 'hex') : value,
  )
}

function listItems(text: string): string[] {
  return text.match(/^- .*(?:\n {2}.*)*/gm) ?? []
}

function sentenceOf(item: string): Sentence[] {
  const match = /^- \*\*([LWD]-\d+)\*\* (\*core\* )?/.exec(item)
  if (match === null) return []
  const level = /\bMUST\b/.test(item) ? 'must' : 'should'
  return [{ id: match[1] as string, core: match[2] !== undefined, level, text: item.slice(match[0].length) }]
}
