/** A server-sent event (HTML standard, 9.2.6). */
export interface SseEvent {
  readonly event: string
  readonly data: string
  readonly id?: string
}

/** Parses server-sent events from text that may be split anywhere. Ignores comments. */
export class SseParser {
  #rest = ''

  push(text: string): SseEvent[] {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() as string
    return blocks.map(parseBlock).filter((event) => event !== undefined)
  }
}

function parseBlock(block: string): SseEvent | undefined {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''))
  }
  const data = fields.get('data')
  return data === undefined ? undefined : { event: fields.get('event') ?? 'message', data, id: fields.get('id') }
}
