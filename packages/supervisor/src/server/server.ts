import { chmodSync, chownSync, linkSync, lstatSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import {
  type HeldDirectory,
  monotonicMs,
  PRIVATE_SOCKET_NAME,
  socketFileName,
  temporarySocketFileName,
} from '@bgtask/os'
import { type Access, PathTooLongError } from '@bgtask/protocol'
import { MAX_SOCKET_PATH_BYTES } from '@bgtask/protocol/rpc'
import { linkUnlessTaken, removeDeadSocket } from '../directory/claim.js'
import { removeIfSame } from '../directory/files.js'
import { makePrivateDirectory, type PrivateDirectory } from '../directory/private-directory.js'
import type { Log } from '../log.js'
import { MIN_CONNECTIONS, maxConnections } from './capacity.js'
import { ClientSession } from './client-session.js'
import { boundHeld } from './held.js'
import type { MethodContext } from './methods.js'

/** How long a supervisor that is to go waits for followers to fetch the last output and for replies to be sent. */
const LINGER_MS = 1_000
const LINGER_POLL_INTERVAL_MS = 5

/** The task's unix socket. It listens under a temporary name until `publish`, so that nobody finds a task half made. */
export class TaskServer {
  readonly #directory: HeldDirectory
  readonly #name = socketFileName(process.pid)
  readonly #temporaryName = temporarySocketFileName(process.pid)
  readonly #log: Log
  readonly #connections = new Set<ClientSession>()
  readonly #server: Server
  /** Known once there are more clients than are let in whatever the limit. */
  #maxConnections: number | undefined
  /** Where it was bound. */
  #private: PrivateDirectory | undefined
  #inode: number | undefined

  constructor(directory: HeldDirectory, log: Log) {
    this.#directory = directory
    this.#log = log
    this.#server = createServer()
  }

  get clientCount(): number {
    return this.#connections.size
  }

  /**
   * Binds, listens and claims the pid's names. Mode and group of a socket can only be set by name, so it is made where
   * nobody else can put anything in its place.
   *
   * @throws PathTooLongError, RemoteError with the code NAME_TAKEN, and what the system says.
   */
  async listen(access: Access): Promise<void> {
    checkLength(join(this.#directory.path, this.#name))
    this.#private = makePrivateDirectory(this.#directory)
    try {
      const path = this.#private.held.at(PRIVATE_SOCKET_NAME)
      checkLength(path)
      await listenAt(this.#server, path)
      this.#server.on('error', (error) => this.#log.write(`server: ${error.message}`))
      if (access.gid !== null) chownSync(path, -1, access.gid)
      chmodSync(path, access.mode & 0o666)
      const inode = lstatSync(path).ino
      await linkUnlessTaken(path, this.#directory, this.#temporaryName)
      this.#inode = inode
    } finally {
      this.#private.remove(PRIVATE_SOCKET_NAME)
    }
    // One that lives has let go of the claim already.
    await removeDeadSocket(this.#directory, this.#name)
  }

  /** Answers clients from now on. */
  serve(context: MethodContext): void {
    this.#server.on('connection', (socket) => {
      if (this.#isFull() && !this.#makeRoom()) {
        socket.destroy()
        return
      }
      const connection = new ClientSession(socket, context, {
        onHeld: () => boundHeld(this.#connections),
        onClose: (closed, error) => {
          this.#connections.delete(closed)
          if (error !== undefined) this.#log.debug(() => `connection closed: ${error.message}`)
        },
      })
      this.#connections.add(connection)
    })
  }

  #isFull(): boolean {
    const { size } = this.#connections
    if (size < MIN_CONNECTIONS) return false
    this.#maxConnections ??= maxConnections(size)
    return size >= this.#maxConnections
  }

  /** Whoever is connected and wants nothing must not keep others out; our own clients connect anew when they do. */
  #makeRoom(): boolean {
    const idle = [...this.#connections].filter((connection) => connection.isIdle)
    const [first, ...others] = idle
    if (first === undefined) return false
    others.reduce((a, b) => (b.heardAt < a.heardAt ? b : a), first).close()
    return true
  }

  /** Gives the socket its name. @throws EEXIST where somebody who had not claimed it has taken it since. */
  publish(): void {
    linkSync(this.#directory.at(this.#temporaryName), this.#directory.at(this.#name))
    removeIfSame(this.#directory.at(this.#temporaryName), this.#inode)
    if (lstatSync(this.#directory.at(this.#name)).ino !== this.#inode) throw new Error('the socket was replaced')
  }

  /** Takes the socket out of the directory; connections stay. */
  unpublish(): void {
    // Node removes the name that the socket was bound to, if there is one, so that must still lead to the same place.
    this.#server.close()
    this.#private?.held.close()
    // Somebody may have put something of their own in its place.
    for (const name of [this.#temporaryName, this.#name]) removeIfSame(this.#directory.at(name), this.#inode)
  }

  /**
   * Gives clients a moment to fetch what they follow and to take their replies. The connections end with the process, so
   * that whoever waits for their end finds it gone.
   */
  async linger(): Promise<void> {
    const deadline = monotonicMs() + LINGER_MS
    const unfinished = () =>
      [...this.#connections].some((connection) => connection.isBehind || connection.queuedBytes > 0)
    // A reply that is ready is sent in the next turn of the loop.
    do await new Promise((resolve) => setTimeout(resolve, LINGER_POLL_INTERVAL_MS))
    while (unfinished() && monotonicMs() < deadline)
  }
}

/** Longer ones are truncated, and the socket listens somewhere else. */
function checkLength(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes > MAX_SOCKET_PATH_BYTES) throw new PathTooLongError(path, bytes, MAX_SOCKET_PATH_BYTES)
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}
