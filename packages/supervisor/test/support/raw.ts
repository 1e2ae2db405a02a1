import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Task } from '@bgtask/client'
import { decode, encode, MessageScanner } from '@bgtask/protocol/rpc'
import { onTestFinished } from 'vitest'

/** A bare connection to a task's socket, for clients that do not behave. */
export async function rawClient(task: Task): Promise<Socket> {
  const socket = connect(task.taskPool.socketPath(task.pid))
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  return socket
}

export function request(id: number, method: string, ...params: unknown[]): Buffer {
  return encode([0, id, method, params])
}

/** All messages until the other side closes. */
export async function untilClosed(socket: Socket): Promise<unknown[]> {
  const messages: unknown[] = []
  const scanner = new MessageScanner()
  for await (const chunk of socket) {
    scanner.push(chunk)
    for (let message = scanner.next(); message !== undefined; message = scanner.next()) messages.push(decode(message))
  }
  return messages
}
