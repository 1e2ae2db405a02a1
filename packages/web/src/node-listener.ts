import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { ConsoleHandler } from './console.js'

/** As `node:http` and Express call it. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** A console as a listener of `node:http`, or as middleware of Express: `app.use('/tasks', nodeListener(handler))`. */
export function nodeListener(handler: ConsoleHandler): NodeListener {
  const listen = getRequestListener((request) => handler(request), { overrideGlobalObjects: false })
  return async (request, response) => {
    // Express cuts off the path that a handler is mounted under; the console goes by the whole.
    const { originalUrl } = request as { originalUrl?: string }
    if (originalUrl !== undefined) request.url = originalUrl
    await listen(request, response)
  }
}
