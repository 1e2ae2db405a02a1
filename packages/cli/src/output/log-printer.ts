import { isUtf8 } from 'node:buffer'
import { printable } from '@bgtask/os'
import { nameOf, type Target } from '../targets.js'
import { type Colour, painter } from '../text/colour.js'
import { LineBuffer } from './lines.js'
import { printJson, printMessage, write } from './print.js'
import type { Gap, OutputName, Piece } from './task-output.js'

export interface LogPrinterOptions {
  readonly json?: boolean
  /** Print only lines that match. */
  readonly grep?: RegExp
  /** Prefix each line with the name of its task. */
  readonly named: boolean
}

/** Prints output as `logs` shows it: raw bytes, lines if they are filtered or prefixed, or JSON. */
export class LogPrinter {
  readonly #options: LogPrinterOptions
  readonly #buffers = new Map<string, LineBuffer>()
  readonly #prefixes = new Map<number, Record<OutputName, string>>()

  constructor(options: LogPrinterOptions) {
    this.#options = options
  }

  async show(target: Target, piece: Piece | Gap): Promise<void> {
    const { json, grep, named } = this.#options
    if (piece.gap) await this.#showGap(target, piece)
    else if (grep !== undefined || (named && !json)) {
      for (const line of this.#buffer(target, piece.stream).push(piece.offset, piece.data)) {
        await this.#showLine(target, { ...piece, ...line })
      }
    } else await this.#showBytes(target, piece)
  }

  /** Prints lines without a line end. */
  async end(target: Target): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      for (const line of this.#buffer(target, stream).end()) {
        await this.#showLine(target, { ...line, stream, next: undefined })
      }
    }
  }

  async #showGap({ id }: Target, { stream, from, to }: Gap): Promise<void> {
    if (this.#options.json) await printJson({ type: 'gap', id, stream, from, to })
    else printMessage(`bytes ${from} to ${to} of ${stream} of task ${id} are no longer kept`)
  }

  async #showLine(target: Target, line: Piece): Promise<void> {
    const { grep } = this.#options
    if (grep === undefined || grep.test(withoutEnd(line.data))) await this.#showBytes(target, line)
  }

  async #showBytes(target: Target, { stream, offset, data, at }: Piece): Promise<void> {
    if (this.#options.json) {
      const bytes = Buffer.from(data)
      // JSON holds only text: bytes that are not UTF-8, or that end within a character, are base64.
      const content = isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString('base64') }
      await printJson({ type: 'output', id: target.id, stream, offset, length: data.length, ...content, at })
      return
    }
    if (this.#options.named) await write(stream, Buffer.concat([Buffer.from(this.#prefix(target, stream)), data]))
    else await write(stream, data)
  }

  #buffer({ id }: Target, stream: OutputName): LineBuffer {
    const key = `${id} ${stream}`
    const buffer = this.#buffers.get(key) ?? new LineBuffer()
    this.#buffers.set(key, buffer)
    return buffer
  }

  #prefix({ id, info }: Target, stream: OutputName): string {
    const prefixes = this.#prefixes.get(id) ?? makePrefixes(printable(nameOf(info)) || String(id), this.#prefixes.size)
    this.#prefixes.set(id, prefixes)
    return prefixes[stream]
  }
}

const COLOURS: readonly Colour[] = ['cyan', 'yellow', 'green', 'magenta', 'blue']

function makePrefixes(name: string, index: number): Record<OutputName, string> {
  const colour = COLOURS[index % COLOURS.length] as Colour
  const prefix = (stream: NodeJS.WriteStream) => `${painter(stream)(colour, `${name} |`)} `
  return { stdout: prefix(process.stdout), stderr: prefix(process.stderr) }
}

function withoutEnd(line: Uint8Array): string {
  return Buffer.from(line)
    .toString()
    .replace(/\r?\n$/, '')
}
