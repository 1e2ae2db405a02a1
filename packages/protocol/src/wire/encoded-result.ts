import { encode } from './codec.js'

/** In a response to the largest id: one byte for the array, one for the type, five for the id, one for the error. */
const RESULT_OFFSET = 8
const MAX_ID = 0xffff_ffff

export const RESPONSE = 1

/** Header of an array of so many, as a response is. */
const FOUR_ITEMS = 0x94

/** A result that is encoded once and may answer many calls. `T` is what the caller gets. */
export class EncodedResult<T> {
  declare readonly result: T
  readonly #bytes: Buffer

  /** @throws InvalidOptionError for what cannot be sent in a response, whatever the id. */
  constructor(result: T) {
    this.#bytes = encode([RESPONSE, MAX_ID, null, result]).subarray(RESULT_OFFSET)
  }

  /** The message that answers the call with that id. */
  responseTo(id: number): Buffer {
    const head = encode([RESPONSE, id, null])
    head[0] = FOUR_ITEMS
    return Buffer.concat([head, this.#bytes])
  }
}
