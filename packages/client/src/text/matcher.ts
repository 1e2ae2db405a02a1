import { isRegExp } from 'node:util/types'
import { InvalidOptionError } from '@bgtask/protocol'
import { utf8Offset, wholeUtf8Length } from './utf8.js'

/** A match of a pattern. */
export interface OutputMatch {
  /** Byte offset of the match. */
  readonly offset: number
  /** Byte offset after it: pass it as `from` to continue after the match. */
  readonly endOffset: number
  /** The matched text. */
  readonly text: string
  /** Captures of the RegExp's groups, from the first; empty for a string. */
  readonly captures: readonly (string | undefined)[]
  /** Captures of its named groups. */
  readonly groups: Readonly<Record<string, string | undefined>>
}

/**
 * Searches a pattern in consecutive chunks and across their borders. Keeps the last `windowBytes` that did not match, so
 * a longer match may be missed.
 */
export class Matcher {
  readonly #search: (text: string) => RegExpExecArray | null
  readonly #windowBytes: number
  #window: Buffer = Buffer.alloc(0)
  /** Byte offset of the window. */
  #offset = 0

  constructor(pattern: RegExp | string, windowBytes: number) {
    const expression = typeof pattern === 'string' ? new RegExp(escapeRegExp(pattern)) : withoutState(pattern)
    this.#search = (text) => expression.exec(text)
    // The length of a string is known: it is found whatever the window.
    this.#windowBytes = typeof pattern === 'string' ? Math.max(windowBytes, Buffer.byteLength(pattern)) : windowBytes
  }

  push(offset: number, data: Uint8Array): OutputMatch | undefined {
    if (this.#window.length === 0) this.#offset = offset
    const bytes = Buffer.concat([this.#window, data])
    const match = this.#searchIn(bytes.subarray(0, wholeUtf8Length(bytes)))
    if (match === undefined) this.#keepEndOf(bytes)
    return match
  }

  /** Drops what was pushed: the next push is not adjacent to it. */
  reset(): void {
    this.#window = Buffer.alloc(0)
  }

  #searchIn(bytes: Buffer): OutputMatch | undefined {
    const found = this.#search(bytes.toString('utf8'))
    if (found === null) return undefined
    const [text, ...captures] = found
    const start = utf8Offset(bytes, found.index)
    const length = utf8Offset(bytes.subarray(start), text.length)
    const offset = this.#offset + start
    return { offset, endOffset: offset + length, text, captures, groups: { ...found.groups } }
  }

  #keepEndOf(bytes: Buffer): void {
    // Not from inside a character, whose rest would decode as malformed.
    const start = wholeUtf8Length(bytes, Math.max(0, bytes.length - this.#windowBytes))
    // A copy, so that a small window does not hold the whole of a big chunk.
    this.#window = Buffer.from(bytes.subarray(start))
    this.#offset += start
  }
}

/** With `g` or `y`, a search would depend on the one before. */
function withoutState(pattern: RegExp): RegExp {
  if (!isRegExp(pattern)) throw new InvalidOptionError('pattern', pattern, 'must be a string or a RegExp')
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
