import { Socket } from 'node:net'

// Reads fd 0, a real pipe, as fast as Node can, and keeps nothing.
const buffer = Buffer.allocUnsafeSlow(64 * 1024)
let total = 0
const onread = {
  buffer,
  callback: (count) => {
    total += count
    return true
  },
}
const socket = new Socket({ fd: 0, readable: true, writable: false, onread })
const start = performance.now()
socket.on('close', () => process.stdout.write(JSON.stringify({ total, ms: performance.now() - start })))
socket.resume()
