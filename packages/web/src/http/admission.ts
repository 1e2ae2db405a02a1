import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Maximum number of connections. A browser opens at most six. */
const MAX_CONNECTIONS = 256

/** Time limits (ms) for receiving a request of at most 16 KiB of headers and 128 KiB of body. */
export const REQUEST_TIMES = {
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
} as const

/**
 * Limits a server's connections. Above the limit, the oldest unauthenticated connection is closed, so that clients with the
 * token get in however many others stall.
 *
 * @returns a function that marks a connection as authenticated.
 */
export function admitConnections(server: Server, max = MAX_CONNECTIONS): (socket: Socket) => void {
  const unauthenticated = new Set<Socket>()
  const authenticated = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    unauthenticated.add(socket)
    socket.once('close', () => {
      unauthenticated.delete(socket)
      authenticated.delete(socket)
    })
    if (unauthenticated.size + authenticated.size <= max) return
    // This is the new connection itself if all others are authenticated.
    const [oldest] = unauthenticated
    unauthenticated.delete(oldest as Socket)
    oldest?.destroy()
  })
  return (socket) => {
    if (unauthenticated.delete(socket)) authenticated.add(socket)
  }
}
