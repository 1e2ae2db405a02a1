import { connect } from 'node:net'

/** How long a connect to a unix socket may take; it is answered at once, or the other side is there and busy. */
const CONNECT_MS = 2_000

/** Whether certainly nobody listens on a socket. Busy (EAGAIN), forbidden or silent is not refused. */
export function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const settle = (refused: boolean) => {
      socket.destroy()
      resolve(refused)
    }
    socket.setTimeout(CONNECT_MS, () => settle(false))
    socket.once('connect', () => settle(false))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'ECONNREFUSED' || code === 'ENOENT'))
  })
}
