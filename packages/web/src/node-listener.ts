import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { ConsoleHandler } from './console.js'

/** The signature of listeners of `node:http` and Express. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Properties that Express and its body parsers add to a request. */
interface ExpressRequest extends IncomingMessage {
  readonly originalUrl?: string
  readonly body?: unknown
  /** Hono reads this instead of the stream. */
  rawBody?: Buffer
}

/** Turns a console into a listener of `node:http`, or middleware of Express: `app.use('/tasks', nodeListener(handler))`. */
export function nodeListener(handler: ConsoleHandler): NodeListener {
  const listen = getRequestListener((request) => handler(request), { overrideGlobalObjects: false })
  return async (request, response) => {
    const added = request as ExpressRequest
    // Express removes the mount path; the console needs the full path.
    if (added.originalUrl !== undefined) request.url = added.originalUrl
    // A global body parser of the app has already consumed the stream.
    if (added.body !== undefined && request.readableEnded) added.rawBody = bytesOf(added.body)
    await listen(request, response)
  }
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
