import { Packr } from 'msgpackr/pack'
import { InvalidOptionError, ProtocolError } from '../errors.js'
import { MESSAGE_LIMITS, type MessageLimits } from './limits.js'
import { toPlain } from './plain.js'

// `msgpackr/pack` has no native part. `msgpackr` loads an addon, for 14 ms and four threads in every process.
const writer = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true, useToJSON: false })
// 64-bit integers become numbers: the scanner has refused those that would lose digits.
const READER = { useRecords: false, int64AsType: 'number' } as const
const reader = new Packr({ ...READER })
const copyingReader = new Packr({ ...READER, copyBuffers: true })
const mapReader = new Packr({ ...READER, mapsAsObjects: false })

/** The writer keeps the buffer that it grew for a message; after a larger one than this it gets a fresh one. */
const MAX_KEPT_BUFFER_BYTES = 64 * 1024
const FRESH_BUFFER_BYTES = 8192

/**
 * Small messages are copied here first: the reader hangs a DataView on each buffer that it reads, and for a message of 1 KB
 * that takes as long as half the decoding.
 */
const scratch = Buffer.allocUnsafeSlow(4096)

const PROTO = Buffer.from('__proto__')

/**
 * Encodes a value as plain MessagePack: null, booleans, numbers, strings, byte arrays (as `bin`), arrays, plain objects.
 * Safe integers (BigInts too) are MessagePack integers, other numbers float64. `undefined` is left out of objects and nil
 * elsewhere; lone surrogates become U+FFFD.
 *
 * @returns bytes that are not written again.
 * @throws InvalidOptionError that names the path of anything else (dates, maps, functions, class instances, cycles) and of
 * what exceeds the limits, since the receiver would refuse it.
 */
export function encode(value: unknown, limits: MessageLimits = MESSAGE_LIMITS): Buffer {
  const bytes = writer.pack(toPlain(value, limits))
  if (bytes.length > MAX_KEPT_BUFFER_BYTES) writer.useBuffer(Buffer.allocUnsafeSlow(FRESH_BUFFER_BYTES))
  if (bytes.length > limits.maxMessageBytes) {
    throw new InvalidOptionError('message', bytes.length, `must encode to at most ${limits.maxMessageBytes} bytes`)
  }
  return bytes
}

/**
 * Decodes one message. Only for messages that a MessageScanner has passed: there are no bounds here.
 * `bin` becomes a Buffer that may share the message's memory, invalid UTF-8 U+FFFD, and a key `__proto__` an own property.
 * A byte order mark at the start of a string of more than 64 bytes is lost.
 *
 * @throws ProtocolError for bytes that are not exactly one value.
 */
export function decode(message: Buffer): unknown {
  try {
    // The reader would rename such a key. Hardly a message holds these bytes, so finding them is all it costs.
    if (message.includes(PROTO)) return withObjects(mapReader.unpack(message))
    if (message.length > scratch.length) return reader.unpack(message)
    scratch.set(message)
    return copyingReader.unpack(scratch, message.length)
  } catch (cause) {
    throw new ProtocolError('a message is not valid MessagePack', { cause })
  }
}

function withObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withObjects)
  if (!(value instanceof Map)) return value
  // Unlike an assignment this makes `__proto__` an own property.
  return Object.fromEntries(Array.from(value, ([key, item]) => [key, withObjects(item)]))
}
