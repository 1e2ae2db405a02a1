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

/** How long (ms) a task that was just started waits for its first client before it retires. */
const FIRST_CLIENT_MS = 2_000

/** How long (ms) an ending supervisor waits for followers to read the last output and for replies to be sent. */
const LINGER_MS = 1_000
const LINGER_POLL_INTERVAL_MS = 5

/** The task's unix socket. It has a temporary name until `publish`, so that clients find only complete tasks. */
export class TaskServer {
  readonly #directory: HeldDirectory
  readonly #name = socketFileName(process.pid)
  readonly #temporaryName = temporarySocketFileName(process.pid)
  readonly #log: Log
  readonly #connections = new Set<ClientSession>()
  #onFirst = () => {}
  readonly #first = new Promise<void>((resolve) => {
    this.#onFirst = resolve
  })
  #firstTimer: NodeJS.Timeout | undefined
  readonly #server: Server
  /** Computed once there are more clients than the least number. */
  #maxConnections: number | undefined
  /** The name it was bound to. */
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
   * Binds, listens and claims the pid's names. Mode and group of a socket can only be set by name, so it is made in a
   * private directory, where other users cannot replace it.
   *
   * @throws PathTooLongError, RemoteError with the code NAME_TAKEN, and the system's errors.
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
    // A live one has released its claim already.
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
      this.#onFirst()
    })
  }

  #isFull(): boolean {
    const { size } = this.#connections
    if (size < MIN_CONNECTIONS) return false
    this.#maxConnections ??= maxConnections(size)
    return size >= this.#maxConnections
  }

  /** Idle clients must not keep others out; our own client connects again at its next call. */
  #makeRoom(): boolean {
    const idle = [...this.#connections].filter((connection) => connection.isIdle)
    const [first, ...others] = idle
    if (first === undefined) return false
    others.reduce((a, b) => (b.heardAt < a.heardAt ? b : a), first).close()
    return true
  }

  /** Gives the socket its name. @throws EEXIST if a process without a claim has taken it since. */
  publish(): void {
    linkSync(this.#directory.at(this.#temporaryName), this.#directory.at(this.#name))
    removeIfSame(this.#directory.at(this.#temporaryName), this.#inode)
    if (lstatSync(this.#directory.at(this.#name)).ino !== this.#inode) throw new Error('the socket was replaced')
    this.#firstTimer = setTimeout(this.#onFirst, FIRST_CLIENT_MS).unref()
  }

  /** Resolves when a client has connected, or has had the time for it: whoever started a task connects when it is ready. */
  async reached(): Promise<void> {
    await this.#first
    clearTimeout(this.#firstTimer)
  }

  /** Removes the socket from the directory; connections stay. */
  unpublish(): void {
    // Node unlinks the name that the socket was bound to, so that must still resolve to the same directory.
    this.#server.close()
    this.#private?.held.close()
    // Another file may have replaced it.
    for (const name of [this.#temporaryName, this.#name]) removeIfSame(this.#directory.at(name), this.#inode)
  }

  /**
   * Waits briefly for clients to read the output that they follow, and their replies. Connections end with the process: a
   * client that waits for their end finds it gone.
   */
  async linger(): Promise<void> {
    const deadline = monotonicMs() + LINGER_MS
    const unfinished = () =>
      [...this.#connections].some((connection) => connection.isBehind || connection.queuedBytes > 0)
    // A finished reply is sent in the next turn of the event loop.
    do await new Promise((resolve) => setTimeout(resolve, LINGER_POLL_INTERVAL_MS))
    while (unfinished() && monotonicMs() < deadline)
  }
}

/** Node would truncate a longer path, and listen there. */
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
