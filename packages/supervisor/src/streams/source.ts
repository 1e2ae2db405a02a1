import { readSync } from 'node:fs'
import { Socket } from 'node:net'
import { PAGE_BYTES } from './offset-buffer.js'

/** The size of the largest read. */
export const READ_BYTES = 64 * 1024

/**
 * A flood arrives in whole pages, mostly two, from programs that write through a buffer of C's stdio. After a read that
 * fills the reserved memory the next read follows at once. After any other read the loop polls for events, which takes as
 * long as the read. So after little output the next read is small, and now and then a large one checks for more.
 */
const SMALL_READ_BYTES = 2 * PAGE_BYTES
const LITTLE_BYTES = 2 * SMALL_READ_BYTES
const READS_UNTIL_LARGE = 16

export interface SourceEvents {
  /** Reserves memory for a pipe's next bytes; called before each read. */
  reserve(maxBytes: number): Uint8Array
  /** `count` bytes were read into the reserved memory. Returns false to pause until `resume`. */
  onRead(reserved: Uint8Array, count: number): boolean
  /** Bytes that were read into other memory. Returns false to pause until `resume`. */
  onData(bytes: Uint8Array): boolean
  /** Called once, when every writer is gone, or reading failed. */
  onEnd(error?: Error): void
}

/** The read end of one run's stdout or stderr. */
export interface Source {
  /** Reads once without waiting and reports the bytes as usual. Returns their number. */
  readNow(): number
  resume(): void
  close(): void
}

/** Starts to read a pipe by its fd, or a socket; at most `readSize` bytes at a time. */
export function openSource(end: number | Socket, readSize: number, events: SourceEvents): Source {
  return typeof end === 'number' ? openPipe(end, readSize, events) : openSocket(end, readSize, events)
}

function openPipe(fd: number, readSize: number, { reserve, onRead, onData, onEnd }: SourceEvents): Source {
  let nextSize = readSize
  let reads = 0
  const onread = {
    buffer: () => reserve(nextSize),
    callback: (count: number, bytes: Uint8Array) => {
      reads += 1
      const isLittle = count % PAGE_BYTES === 0 && count <= LITTLE_BYTES && reads % READS_UNTIL_LARGE !== 0
      nextSize = isLittle ? Math.min(SMALL_READ_BYTES, readSize) : readSize
      return onRead(bytes, count)
    },
  }
  // The types of Node know `onread` for connecting sockets only.
  const socket = new Socket({ fd, readable: true, writable: false, onread } as never)
  reportEnd(socket, onEnd)
  socket.resume()
  const readNow = () => {
    // The number may be that of another descriptor by now, such as a client's.
    if (socket.destroyed) return 0
    try {
      // Not into reserved memory, which belongs to the socket.
      const bytes = Buffer.allocUnsafeSlow(readSize)
      const count = readSync(fd, bytes)
      if (count > 0) onData(bytes.subarray(0, count))
      return count
    } catch {
      // EAGAIN: no bytes. Any other error is reported by the socket.
      return 0
    }
  }
  return { readNow, resume: () => socket.resume(), close: () => socket.destroy() }
}

function openSocket(socket: Socket, readSize: number, { onData, onEnd }: SourceEvents): Source {
  let wanted = true
  const takeAll = () => {
    let taken = 0
    while (wanted && socket.readableLength > 0) {
      const bytes: Buffer | null = socket.read(Math.min(readSize, socket.readableLength))
      if (bytes === null) break
      taken += bytes.length
      wanted = onData(bytes)
    }
    // No byte is read, but the end is noticed.
    if (socket.readableLength === 0) socket.read(0)
    return taken
  }
  reportEnd(socket, onEnd)
  socket.on('readable', takeAll)
  const resume = () => {
    wanted = true
    takeAll()
  }
  const readNow = () => {
    wanted = true
    return takeAll()
  }
  return { readNow, resume, close: () => socket.destroy() }
}

/** 'close' comes after 'end' and after 'error', so it alone is the end. */
function reportEnd(socket: Socket, onEnd: (error?: Error) => void): void {
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => onEnd(failure))
}
