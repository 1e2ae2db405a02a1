import { ProtocolError } from '@bgtask/protocol'
import type { ClientSession } from './client-session.js'

/** Bytes held for all clients together: incomplete messages and unread responses. */
const MAX_HELD_BYTES = 64 * 1024 * 1024

/** Disconnects the clients that hold the most, until the total is within the limit. */
export function boundHeld(sessions: Iterable<ClientSession>): void {
  const all = [...sessions]
  let held = all.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
  if (held <= MAX_HELD_BYTES) return
  const sizes = all.map((session) => ({ session, bytes: session.heldBytes }))
  for (const { session, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (held <= MAX_HELD_BYTES) return
    held -= bytes
    session.disconnect(new ProtocolError(`the clients hold too much memory, this one ${bytes} bytes`))
  }
}
