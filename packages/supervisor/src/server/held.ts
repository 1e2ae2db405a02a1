import { ProtocolError } from '@bgtask/protocol'
import type { ClientSession } from './client-session.js'

/** Held for all clients together: half messages, and responses that they do not read. */
const MAX_HELD_BYTES = 64 * 1024 * 1024

/** Disconnects the clients for which the most is held, until what is held for all of them is within bounds. */
export function boundHeld(connections: Iterable<ClientSession>): void {
  const all = [...connections]
  let held = all.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
  if (held <= MAX_HELD_BYTES) return
  const sizes = all.map((connection) => ({ connection, bytes: connection.heldBytes }))
  for (const { connection, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (held <= MAX_HELD_BYTES) return
    held -= bytes
    connection.disconnect(new ProtocolError(`too much is held for all clients, ${bytes} bytes of it for this one`))
  }
}
