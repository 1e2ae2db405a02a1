import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Connections at once: a browser opens six at most. */
const MAX_CONNECTIONS = 256

/** What arrives slower than this (ms) is cut off: a request has at most 16 KiB of headers and 128 KiB of body. */
export const REQUEST_TIMES = {
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
} as const

/**
 * Bounds a server's connections. Above the bound the oldest one that has not shown the token makes room for the new one, so that
 * those who have it get in however many others wait or stall.
 *
 * @returns marks a connection as one that has shown the token.
 */
export function admitConnections(server: Server, max = MAX_CONNECTIONS): (socket: Socket) => void {
  const strangers = new Set<Socket>()
  const known = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    strangers.add(socket)
    socket.once('close', () => {
      strangers.delete(socket)
      known.delete(socket)
    })
    if (strangers.size + known.size <= max) return
    // The new one itself, where all others are known.
    const [oldest] = strangers
    strangers.delete(oldest as Socket)
    oldest?.destroy()
  })
  return (socket) => {
    if (strangers.delete(socket)) known.add(socket)
  }
}
