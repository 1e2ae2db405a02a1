import { once } from 'node:events'
import { printable, printableJson } from '@bgtask/os'
import { EXIT } from '../errors.js'

/** Version of the `--json` output. Fields may be added under the same version, but are never changed or removed. */
export const JSON_VERSION = 1

export type StreamName = 'stdout' | 'stderr'

/** Streams in use. Created on first use, since Node needs time to set up each one. */
const used = new Map<StreamName, NodeJS.WriteStream>()

/** Streams whose reader has closed. */
const closed = new Set<StreamName>()

let exitsWithReader = true

/** Keeps the command running after its reader has closed the pipe; for commands that are run for their exit code. */
export function continueWithoutReader(): void {
  exitsWithReader = false
}

/** Prints one line of data to stdout. The caller must make foreign text printable, since the line may contain colour codes. */
export async function print(line: string): Promise<void> {
  await write('stdout', `${line}\n`)
}

/** Prints one line of JSON to stdout. */
export async function printJson(value: object): Promise<void> {
  await print(printableJson(JSON.stringify({ v: JSON_VERSION, ...value })))
}

/** Prints a message to stderr. It may contain foreign text, also of several lines. */
export function printMessage(message: string): void {
  use('stderr').write(`bgtask: ${message.split('\n').map(printable).join('\n')}\n`)
}

/** Writes with backpressure: resolves when the reader is ready for more. */
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
    // If the reader closes the pipe (`bgtask logs x | head`), the command exits silently.
    if (code === 'EPIPE') return name === 'stdout' && exitsWithReader ? process.exit(0) : undefined
    if (name === 'stdout') printMessage(`cannot write to stdout: ${message}`)
    process.exit(EXIT.failure)
  })
  return stream
}
