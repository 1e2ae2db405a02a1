import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TaskPool } from '@bgtask/pool'
import { createConsole } from './console.js'
import { nodeListener } from './node-listener.js'
import { openInBrowser } from './open-in-browser.js'

export interface ServeConsoleOptions {
  readonly pool: TaskPool
  /** 0, unless given: a free one. */
  readonly port?: number
  /** Where to listen, `127.0.0.1` unless given. Anything but loopback lets others in who have the token, without encryption. */
  readonly host?: string
  /** Let the page change tasks; false unless given. */
  readonly write?: boolean
  /** Open the page in the user's browser; false unless given. */
  readonly open?: boolean
  /** Random unless given. */
  readonly token?: string
  /** Called with the address to open, its token in the fragment, which browsers do not send. */
  readonly onListening?: (url: string) => void
}

export interface ServedConsole extends AsyncDisposable {
  /** The address to open, with the token. */
  readonly url: string
  readonly port: number
  /** Ends the server and every connection to it. Tasks are not touched. */
  close(): Promise<void>
}

/** Connections at once: a browser opens six at most. */
const MAX_CONNECTIONS = 256

/**
 * Serves a pool's console on loopback, with a token. Resolves when it listens.
 *
 * @throws InvalidOptionError; what `listen` tells (EADDRINUSE, EACCES).
 */
export async function serveConsole(options: ServeConsoleOptions): Promise<ServedConsole> {
  const { pool, port = 0, host = '127.0.0.1', write = false, open = false, onListening } = options
  const token = options.token ?? randomBytes(24).toString('base64url')
  const name = host.includes(':') ? `[${host}]` : host
  const handler = createConsole({ pool, readOnly: !write, token, allowedHosts: [name] })
  const server = createServer(nodeListener(handler))
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  const url = `http://${name}:${address.port}/#token=${token}`
  onListening?.(url)
  const tidy = open ? openInBrowser(url) : () => {}
  const close = () =>
    new Promise<void>((resolve) => {
      tidy()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url, port: address.port, close, [Symbol.asyncDispose]: close }
}
