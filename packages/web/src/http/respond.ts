import { isBgTaskError } from '@bgtask/protocol'
import type { ErrorBody } from '../shared/messages.js'
import type { Refusal } from './guard.js'

/**
 * Restricts scripts, styles and connections to this console's origin, and forbids framing. Styles are adopted as objects and
 * do not need `unsafe-inline`. `connect-src` is for the API.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

export function respondJson(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store', ...headers } })
}

export const FORBIDDEN: Refusal = { status: 403, code: 'FORBIDDEN', message: 'You are not allowed to do this.' }

export function respondRefusal(
  { status, code, message }: Refusal,
  headers?: Readonly<Record<string, string>>,
): Response {
  return respondJson({ error: { code, message } } satisfies ErrorBody, status, headers)
}

/** Maps an error of bgtask to HTTP. Any other error is a 500 without its message, which may contain secrets. */
export function respondError(error: unknown): Response {
  if (!isBgTaskError(error)) return respondRefusal({ status: 500, code: 'INTERNAL', message: 'Internal server error.' })
  return respondRefusal({ status: STATUS[error.code] ?? 502, code: error.code, message: error.message })
}

const STATUS: Readonly<Record<string, number>> = {
  ERR_BGTASK_INVALID_OPTION: 400,
  ERR_BGTASK_PERMISSION: 403,
  ERR_BGTASK_TASK_GONE: 410,
  ERR_BGTASK_LOCK_HELD: 409,
  ERR_BGTASK_WOULD_BLOCK: 409,
  ERR_BGTASK_REMOTE: 409,
  ERR_BGTASK_TIMEOUT: 504,
  ERR_BGTASK_UNSUPPORTED: 501,
}
