import { timingSafeEqual } from 'node:crypto'

/** Host names of local requests. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'] as const

/** A refused request's response. */
export interface Refusal {
  /** HTTP status. */
  readonly status: number
  readonly code: string
  readonly message: string
}

/**
 * Refuses foreign host names: with DNS rebinding, a page of another site still sends its own name.
 *
 * @param allowed host names without a port, in lower case.
 */
export function refuseHost(request: Request, allowed: readonly string[]): Refusal | undefined {
  const name = hostName(hostOf(request))
  if (name !== undefined && allowed.includes(name)) return undefined
  const message = `The host ${JSON.stringify(name ?? hostOf(request))} is not allowed; add it to allowedHosts.`
  return { status: 403, code: 'HOST', message }
}

/** Refuses requests with effects unless their Origin, which every browser sends, is this console's. */
export function refuseOrigin(request: Request): Refusal | undefined {
  const origin = request.headers.get('origin')
  if (origin !== null && originHost(origin) === hostOf(request)) return undefined
  const message = `A write needs an Origin header with this host (got ${JSON.stringify(origin)}).`
  return { status: 403, code: 'ORIGIN', message }
}

/** Refuses requests, reads too, that the browser marks as coming from another origin. */
export function refuseCrossSite(request: Request): Refusal | undefined {
  const site = request.headers.get('sec-fetch-site')
  if (site === null || site === 'same-origin' || site === 'none') return undefined
  return {
    status: 403,
    code: 'CROSS_SITE',
    message: `Requests from other origins are refused (Sec-Fetch-Site: ${site}).`,
  }
}

export function refuseToken(request: Request, token: string | undefined): Refusal | undefined {
  if (token === undefined || hasToken(request.headers.get('authorization'), token)) return undefined
  return { status: 401, code: 'TOKEN', message: 'The token is missing or wrong.' }
}

/** Compares in constant time, so that the token's bytes cannot be guessed one by one. */
export function hasToken(authorization: string | null | undefined, token: string): boolean {
  const given = Buffer.from(authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** The request's host in lower case, with the port. */
function hostOf(request: Request): string {
  return (request.headers.get('host') ?? new URL(request.url).host).toLowerCase()
}

function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/.exec(host)?.[1]
}

function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1]
}
