import { StringDecoder } from 'node:string_decoder'
import type { OutputName } from './task-output.js'

/** Characters that are searched again with what follows, so that a match may lie over a border. */
const WINDOW = 64 * 1024

/** Looks for a pattern in what goes by. */
export class PatternWatch {
  readonly #pattern: RegExp
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  readonly #windows = { stdout: '', stderr: '' }

  constructor(pattern: RegExp) {
    this.#pattern = pattern
  }

  /** Whether it matches now. */
  sees(stream: OutputName, data: Uint8Array): boolean {
    const text = this.#windows[stream] + this.#decoders[stream].write(Buffer.from(data))
    this.#windows[stream] = text.slice(-WINDOW)
    return this.#pattern.test(text)
  }
}
