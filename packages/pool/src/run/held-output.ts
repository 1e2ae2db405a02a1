import type { TaskOutput } from '@bgtask/client'
import { OutputGapError } from '@bgtask/protocol'

/** More was written than was to be held. */
export class TooMuchOutput extends Error {}

/** All of an output, up to a bound. */
export class HeldOutput {
  readonly #output: TaskOutput
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(output: TaskOutput, maxBytes: number) {
    this.#output = output
    this.#maxBytes = maxBytes
  }

  /** As UTF-8, without a final newline. */
  get text(): string {
    return Buffer.concat(this.#chunks)
      .toString()
      .replace(/\r?\n$/, '')
  }

  /** Reads to the end. @throws TooMuchOutput, and then holds as much as may be; OutputGapError; as `follow`. */
  async fill(signal: AbortSignal): Promise<void> {
    for await (const chunk of this.#output.follow({ from: 0, signal })) {
      if (chunk.gap) throw new OutputGapError(this.#output.name, chunk.from, chunk.to)
      this.#chunks.push(chunk.data.subarray(0, this.#maxBytes - this.#bytes))
      this.#bytes += chunk.data.length
      if (this.#bytes > this.#maxBytes) throw new TooMuchOutput()
    }
  }
}
