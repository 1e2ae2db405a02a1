import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TaskPool } from '@bgtask/pool'
import { InvalidOptionError } from '@bgtask/protocol'
import { createConsole } from './console.js'
import { admitConnections, REQUEST_TIMES } from './http/admission.js'
import { hasToken } from './http/guard.js'
import { nodeListener } from './node-listener.js'
import { openInBrowser } from './open-in-browser.js'

export interface ServeConsoleOptions {
  readonly pool: TaskPool
  /** Default: 0, any free port. */
  readonly port?: number
  /** Address to listen on. Default: `127.0.0.1`. With any other than loopback, the token is sent over the network unencrypted. */
  readonly host?: string
  /** Allow the page to change tasks. Default: false. */
  readonly write?: boolean
  /** Open the page in the user's browser. Default: false. */
  readonly open?: boolean
  /** Letters, digits, `-` and `_`. Default: random. */
  readonly token?: string
  /** Host names (without port) that requests may use besides `host` and those of loopback. */
  readonly allowedHosts?: readonly string[]
  /** Called with the address to open. Its fragment contains the token; browsers do not send fragments. */
  readonly onListening?: (url: string) => void
}

export interface ServedConsole extends AsyncDisposable {
  /** The address to open, with the token. */
  readonly url: string
  readonly port: number
  /** Closes the server and all its connections. Tasks keep running. */
  close(): Promise<void>
}

/**
 * Serves a pool's console on loopback, protected by a token. Resolves when the server is listening.
 *
 * @throws InvalidOptionError, also if the server cannot listen on the port or host.
 */
export async function serveConsole(options: ServeConsoleOptions): Promise<ServedConsole> {
  const { pool, port = 0, host = '127.0.0.1', write = false, open = false, onListening } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidOptionError('port', port, 'must be a number from 0 to 65535')
  const token = options.token ?? randomBytes(24).toString('base64url')
  if (!/^[\w-]+$/.test(token)) throw new InvalidOptionError('token', token, 'must consist of letters, digits, - and _')
  const name = host.includes(':') ? `[${host}]` : host
  const handler = createConsole({
    pool,
    readOnly: !write,
    token,
    allowedHosts: [name, ...(options.allowedHosts ?? [])],
  })
  const listener = nodeListener(handler)
  const server = createServer(REQUEST_TIMES, (request, response) => {
    if (hasToken(request.headers.authorization, token)) admit(request.socket)
    void listener(request, response)
  })
  const admit = admitConnections(server)
  await listen(server, port, host)
  const address = server.address() as AddressInfo
  const url = `http://${name}:${address.port}/#token=${token}`
  onListening?.(url)
  const cleanUp = open ? openInBrowser(url) : () => {}
  const close = () =>
    new Promise<void>((resolve) => {
      cleanUp()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url, port: address.port, close, [Symbol.asyncDispose]: close }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new InvalidOptionError('port', port, 'is in use by another program', { cause })
    if (code === 'EACCES')
      throw new InvalidOptionError('port', port, 'needs privileges that you do not have', { cause })
    throw new InvalidOptionError('host', host, `cannot be used for listening (${code ?? message})`, { cause })
  }
}
