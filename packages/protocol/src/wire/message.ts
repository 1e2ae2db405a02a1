import { ProtocolError, RemoteError } from '../errors.js'
import { encode } from './codec.js'
import { EncodedResult, RESPONSE } from './encoded-result.js'
import { toWireError } from './errors.js'
import type { MessageLimits } from './limits.js'

const REQUEST = 0
const NOTIFICATION = 2

/** A message of MessagePack-RPC. */
export type Message =
  | { readonly kind: 'request'; readonly id: number; readonly method: string; readonly params: unknown[] }
  | { readonly kind: 'response'; readonly id: number; readonly error: unknown; readonly result: unknown }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown[] }

/** @throws ProtocolError if a decoded value is not a message. */
export function parseMessage(value: unknown): Message {
  if (!Array.isArray(value)) throw new ProtocolError('a message is not an array')
  const [type, second, third, fourth] = value
  if (type === RESPONSE && value.length === 4 && isId(second))
    return { kind: 'response', id: second, error: third, result: fourth }
  if (type === REQUEST && value.length === 4 && isId(second) && typeof third === 'string' && Array.isArray(fourth))
    return { kind: 'request', id: second, method: third, params: fourth }
  if (type === NOTIFICATION && value.length === 3 && typeof second === 'string' && Array.isArray(third))
    return { kind: 'notification', method: second, params: third }
  throw new ProtocolError('a message is no request, response or notification of MessagePack-RPC')
}

/** @throws InvalidOptionError for parameters that cannot be sent. */
export function encodeRequest(id: number, method: string, params: unknown[], limits: MessageLimits): Buffer {
  return encode([REQUEST, id, method, params], limits)
}

/** @throws InvalidOptionError for parameters that cannot be sent. */
export function encodeNotification(method: string, params: unknown[], limits: MessageLimits): Buffer {
  return encode([NOTIFICATION, method, params], limits)
}

/** Encodes the result, or the error `INTERNAL` if the result cannot be sent. */
export function encodeResponse(id: number, error: unknown, result: unknown, limits: MessageLimits): Buffer {
  if (result instanceof EncodedResult) return result.responseTo(id)
  try {
    return encode([RESPONSE, id, error, result], limits)
  } catch (problem) {
    const words = `the result cannot be sent: ${(problem as Error).message}`
    return encode([RESPONSE, id, toWireError(new RemoteError('INTERNAL', words)), null], limits)
  }
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value
}
