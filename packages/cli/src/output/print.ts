import { once } from 'node:events'
import { printable, printableJson } from '@bgtask/os'
import { EXIT } from '../errors.js'

/** The version of everything printed with `--json`; fields are added under the same version, never changed or taken away. */
export const JSON_VERSION = 1

export type StreamName = 'stdout' | 'stderr'

/** Made at the first use: a stream that is not written to need not cost what Node takes to make it. */
const used = new Map<StreamName, NodeJS.WriteStream>()

/** Nobody reads these any more. */
const closed = new Set<StreamName>()

let endsWithReader = true

/** For what is run for its exit code: a reader that goes away must not make one. */
export function goOnWithoutReader(): void {
  endsWithReader = false
}

/** One line of data on stdout. What of it is text of others must be printable: it may hold colours of ours. */
export async function print(line: string): Promise<void> {
  await write('stdout', `${line}\n`)
}

/** One line of JSON on stdout. */
export async function printJson(value: object): Promise<void> {
  await print(printableJson(JSON.stringify({ v: JSON_VERSION, ...value })))
}

/** A message for whoever sits there, on stderr. It may hold text of others, and several lines of theirs. */
export function tell(message: string): void {
  use('stderr').write(`bgtask: ${message.split('\n').map(printable).join('\n')}\n`)
}

/** Writes at the pace of who reads. */
export async function write(name: StreamName, data: string | Uint8Array): Promise<void> {
  const stream = use(name)
  if (closed.has(name) || stream.write(data)) return
  await once(stream, 'drain').catch((error) => {
    if (!closed.has(name)) throw error
  })
}

/** Waits until everything is written. */
export async function flush(): Promise<void> {
  await Promise.all([...used.values()].map((stream) => new Promise((done) => stream.write('', done))))
}

function use(name: StreamName): NodeJS.WriteStream {
  const known = used.get(name)
  if (known !== undefined) return known
  const stream = process[name]
  used.set(name, stream)
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    closed.add(name)
    // A reader that goes away (`bgtask logs x | head`) ends the command, without a word.
    if (code === 'EPIPE') return name === 'stdout' && endsWithReader ? process.exit(0) : undefined
    if (name === 'stdout') tell(`stdout cannot be written: ${message}`)
    process.exit(EXIT.failure)
  })
  return stream
}
