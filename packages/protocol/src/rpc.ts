export { decode, encode } from './wire/codec.js'
export {
  armDeadline,
  MAX_TIMER_MS,
  signalSchema,
  type WaitOptions,
  waitOptionsSchema,
  withDeadline,
} from './wire/deadline.js'
export { EncodedResult } from './wire/encoded-result.js'
export { fromWireError, toWireError } from './wire/errors.js'
export { MESSAGE_LIMITS, type MessageLimits } from './wire/limits.js'
export { type PeerLimits, type PeerOptions, RpcPeer } from './wire/peer.js'
export { MessageScanner } from './wire/scanner.js'
export { type ConnectOptions, connectSocket, MAX_SOCKET_PATH_BYTES } from './wire/socket.js'
