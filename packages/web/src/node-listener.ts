import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { ConsoleHandler } from './console.js'

/** As `node:http` and Express call it. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** What Express and its body parsers add to a request. */
interface ExpressRequest extends IncomingMessage {
  readonly originalUrl?: string
  readonly body?: unknown
  /** Read by Hono in place of the stream. */
  rawBody?: Buffer
}

/** A console as a listener of `node:http`, or as middleware of Express: `app.use('/tasks', nodeListener(handler))`. */
export function nodeListener(handler: ConsoleHandler): NodeListener {
  const listen = getRequestListener((request) => handler(request), { overrideGlobalObjects: false })
  return async (request, response) => {
    const added = request as ExpressRequest
    // Express cuts off the path that a handler is mounted under; the console goes by the whole.
    if (added.originalUrl !== undefined) request.url = added.originalUrl
    // A parser that the app uses everywhere has read the stream to its end.
    if (added.body !== undefined && request.readableEnded) added.rawBody = bytesOf(added.body)
    await listen(request, response)
  }
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
