import { chmodSync, chownSync, lstatSync, renameSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import {
  type Access,
  MAX_SOCKET_PATH_BYTES,
  monotonicMs,
  PathTooLongError,
  socketFileName,
  temporarySocketFileName,
} from '@bgtask/protocol'
import type { Log } from '../log.js'
import { removeFile } from '../record.js'
import { MIN_CONNECTIONS, maxConnections } from './capacity.js'
import { Connection } from './connection.js'
import type { MethodContext } from './methods.js'

/** How long a supervisor that is to go waits for followers to fetch the last output and for replies to be sent. */
const LINGER_MS = 1_000
const LINGER_LOOK_MS = 5

/** The task's unix socket. It listens under a temporary name until `publish`, so that nobody finds a task half made. */
export class TaskServer {
  readonly path: string
  readonly #temporaryPath: string
  readonly #log: Log
  readonly #connections = new Set<Connection>()
  readonly #server: Server
  /** Known once there are more clients than are let in whatever the limit. */
  #maxConnections: number | undefined
  #inode: number | undefined

  constructor(poolPath: string, log: Log) {
    this.path = join(poolPath, socketFileName(process.pid))
    this.#temporaryPath = join(poolPath, temporarySocketFileName(process.pid))
    this.#log = log
    this.#server = createServer()
  }

  get clientCount(): number {
    return this.#connections.size
  }

  /** Binds and listens. @throws PathTooLongError, and what the system says. */
  async listen(access: Access): Promise<void> {
    const bytes = Buffer.byteLength(this.path)
    // Node would truncate it silently and listen somewhere else.
    if (bytes > MAX_SOCKET_PATH_BYTES) throw new PathTooLongError(this.path, bytes, MAX_SOCKET_PATH_BYTES)
    removeFile(this.#temporaryPath)
    const umask = process.umask(0o777 & ~access.mode)
    try {
      const listening = new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(this.#temporaryPath, resolve)
      })
      // bind and listen have happened by now; only the event is still to come.
      process.umask(umask)
      await listening
    } finally {
      process.umask(umask)
    }
    this.#server.on('error', (error) => this.#log.write(`server: ${error.message}`))
    if (access.gid !== null) chownSync(this.#temporaryPath, -1, access.gid)
    chmodSync(this.#temporaryPath, access.mode & 0o666)
    this.#inode = lstatSync(this.#temporaryPath).ino
  }

  /** Answers clients from now on. */
  serve(context: MethodContext): void {
    this.#server.on('connection', (socket) => {
      if (this.#isFull() && !this.#makeRoom()) {
        socket.destroy()
        return
      }
      const connection = new Connection(socket, context, (closed, error) => {
        this.#connections.delete(closed)
        if (error !== undefined) this.#log.debug(() => `connection closed: ${error.message}`)
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

  /** Gives the socket its name. */
  publish(): void {
    renameSync(this.#temporaryPath, this.path)
  }

  /** Takes the socket out of the directory; connections stay. */
  unpublish(): void {
    this.#server.close()
    removeFile(this.#temporaryPath)
    // Somebody may have put something of their own in its place.
    if (lstatSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) removeFile(this.path)
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
    do await new Promise((resolve) => setTimeout(resolve, LINGER_LOOK_MS))
    while (unfinished() && monotonicMs() < deadline)
  }
}
