import { isRegExp } from 'node:util/types'
import { InvalidOptionError } from '@bgtask/protocol'
import { utf8Offset, wholeUtf8Length } from './utf8.js'

/** Where and what a pattern matched. */
export interface OutputMatch {
  /** Where the match begins, in bytes. */
  readonly offset: number
  /** One past its last byte: pass it as `from` to go on behind the match. */
  readonly endOffset: number
  /** The matched text. */
  readonly text: string
  /** What the RegExp's groups captured, from the first; empty for a string. */
  readonly captures: readonly (string | undefined)[]
  /** What its named groups captured. */
  readonly groups: Readonly<Record<string, string | undefined>>
}

/**
 * Searches a pattern in chunks that follow one another, over their borders too. Keeps the last `windowBytes` that did not
 * match, so a match that is longer may be missed.
 */
export class Matcher {
  readonly #search: (text: string) => RegExpExecArray | null
  readonly #windowBytes: number
  #window: Buffer = Buffer.alloc(0)
  /** Where the window begins. */
  #offset = 0

  constructor(pattern: RegExp | string, windowBytes: number) {
    const expression = typeof pattern === 'string' ? new RegExp(escapeRegExp(pattern)) : withoutState(pattern)
    this.#search = (text) => expression.exec(text)
    // A string is known whole, and must be found whatever the window.
    this.#windowBytes = typeof pattern === 'string' ? Math.max(windowBytes, Buffer.byteLength(pattern)) : windowBytes
  }

  push(offset: number, data: Uint8Array): OutputMatch | undefined {
    if (this.#window.length === 0) this.#offset = offset
    const bytes = Buffer.concat([this.#window, data])
    const match = this.#searchIn(bytes.subarray(0, wholeUtf8Length(bytes)))
    if (match === undefined) this.#keepEndOf(bytes)
    return match
  }

  /** Forgets what was pushed: the next push does not follow it. */
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
    // Not from inside a character: its second half alone would be taken for malformed.
    const start = wholeUtf8Length(bytes, Math.max(0, bytes.length - this.#windowBytes))
    // A copy, so that a small window does not hold the whole of a big chunk.
    this.#window = Buffer.from(bytes.subarray(start))
    this.#offset += start
  }
}

/** `g` and `y` make a search depend on the one before. */
function withoutState(pattern: RegExp): RegExp {
  if (!isRegExp(pattern)) throw new InvalidOptionError('pattern', pattern, 'must be a string or a RegExp')
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
