import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connectSocket, type PeerOptions, RpcPeer } from '@bgtask/protocol/rpc'
import { tempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

export interface Listener {
  path: string
  /** The next connection. */
  accepted: () => Promise<Socket>
}

/** A listener in a directory of the test's own. */
export async function listen(): Promise<Listener> {
  return listenAt(join(tempDir(), '1.sock'))
}

export async function listenAt(path: string): Promise<Listener> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const accepted = async () => {
    const [socket] = (await once(server, 'connection')) as [Socket]
    onTestFinished(() => void socket.destroy())
    return socket
  }
  return { path, accepted }
}

/** Both ends of a connection over a real unix socket. */
export async function socketPair(): Promise<[client: Socket, server: Socket]> {
  const { path, accepted } = await listen()
  const [server, client] = await Promise.all([accepted(), connectSocket(path)])
  onTestFinished(() => void client.destroy())
  return [client, server]
}

export interface ClosablePeer {
  peer: RpcPeer
  socket: Socket
  /** Resolves with the error of `onClose`. */
  closed: Promise<unknown>
}

export function peerOn(socket: Socket, options: PeerOptions = {}): ClosablePeer {
  const { promise: closed, resolve } = withResolvers<unknown>()
  const peer = new RpcPeer(socket, { ...options, onClose: resolve })
  return { peer, socket, closed }
}

/** Two peers that talk to each other. */
export async function peerPair(
  server: PeerOptions,
  client: PeerOptions = {},
): Promise<{ client: ClosablePeer; server: ClosablePeer }> {
  const [clientSocket, serverSocket] = await socketPair()
  return { client: peerOn(clientSocket, client), server: peerOn(serverSocket, server) }
}

/** A peer, and the bare socket at the other end: whoever speaks there need not obey. */
export async function peerAndSocket(options: PeerOptions = {}): Promise<ClosablePeer & { other: Socket }> {
  const [other, socket] = await socketPair()
  other.on('error', () => {})
  return { ...peerOn(socket, options), other }
}

/** All bytes until the other side ends, or resets the connection, as the kernel does for who leaves bytes unread. */
export async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  return Buffer.concat(chunks)
}

/** So many bytes, the next ones. */
export async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  const { promise, resolve } = withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let left = length
  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    left -= chunk.length
    if (left <= 0) resolve(Buffer.concat(chunks))
  }
  socket.on('data', onData).resume()
  const bytes = await promise
  socket.off('data', onData).pause()
  return bytes
}

export function withResolvers<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (reason: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}
