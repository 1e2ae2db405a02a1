import { timingSafeEqual } from 'node:crypto'

/** Names under which a console is asked for on the machine itself. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'] as const

/** Why a request is refused. */
export interface Refusal {
  /** Of HTTP. */
  readonly status: number
  readonly code: string
  readonly message: string
}

/**
 * A page of another site whose name was made to lead here (DNS rebinding) still sends its own name.
 *
 * @param allowed host names without a port, in lower case.
 */
export function refuseHost(request: Request, allowed: readonly string[]): Refusal | undefined {
  const name = hostName(hostOf(request))
  if (name !== undefined && allowed.includes(name)) return undefined
  const message = `This console does not answer to the host ${JSON.stringify(name ?? hostOf(request))}; allowedHosts names those it does.`
  return { status: 403, code: 'HOST', message }
}

/** A browser says of every request with effects which page it came from; only this console's own pages may. */
export function refuseOrigin(request: Request): Refusal | undefined {
  const origin = request.headers.get('origin')
  if (origin !== null && originHost(origin) === hostOf(request)) return undefined
  const message = `Writing needs an Origin header that names this host (got ${JSON.stringify(origin)}).`
  return { status: 403, code: 'ORIGIN', message }
}

/** Browsers tell where a request comes from, reads too; another site's page has no business here. */
export function refuseCrossSite(request: Request): Refusal | undefined {
  const site = request.headers.get('sec-fetch-site')
  if (site === null || site === 'same-origin' || site === 'none') return undefined
  return {
    status: 403,
    code: 'CROSS_SITE',
    message: `Requests of other origins are refused (Sec-Fetch-Site: ${site}).`,
  }
}

export function refuseToken(request: Request, token: string | undefined): Refusal | undefined {
  if (token === undefined || hasToken(request.headers.get('authorization'), token)) return undefined
  return { status: 401, code: 'TOKEN', message: 'The token is missing or is not the one of this server.' }
}

/** Compares in constant time, so that the token's bytes cannot be guessed one by one. */
export function hasToken(authorization: string | null | undefined, token: string): boolean {
  const given = Buffer.from(authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** In lower case, with the port. */
function hostOf(request: Request): string {
  return (request.headers.get('host') ?? new URL(request.url).host).toLowerCase()
}

function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/.exec(host)?.[1]
}

function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1]
}
