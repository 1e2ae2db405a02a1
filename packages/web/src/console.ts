import type { TaskPool } from '@bgtask/pool'
import { InvalidOptionError, isBgTaskError } from '@bgtask/protocol'
import { Hono } from 'hono'
import { Access, type Authorize } from './access.js'
import { act } from './actions.js'
import { eventsResponder } from './events/respond-events.js'
import { respondAsset } from './http/assets.js'
import { readJson } from './http/body.js'
import { respondDownload } from './http/download.js'
import { LOOPBACK_HOSTS, refuseCrossSite, refuseHost, refuseOrigin, refuseToken } from './http/guard.js'
import { FORBIDDEN, respondError, respondJson, respondRefusal, SECURITY_HEADERS } from './http/respond.js'
import { VIEWS, WRITE_ACTIONS } from './shared/messages.js'
import { TaskList } from './tasks/task-list.js'

export interface ConsoleOptions {
  readonly pool: TaskPool
  /** Called for each action of each request, even if `readOnly` is false. Default: everything is allowed. */
  readonly authorize?: Authorize
  /** Reject all changes, whatever `authorize` returns. Default: true. */
  readonly readOnly?: boolean
  /** Path under which the console is mounted, such as `/tasks`. Default: the root. */
  readonly basePath?: string
  /** Host names (without port) that requests may use besides those of loopback. */
  readonly allowedHosts?: readonly string[]
  /** Token that every API request must send as `Authorization: Bearer …`. */
  readonly token?: string
  /** Maximum number of concurrent event streams (one per page); further ones get a 503. Default: 64. */
  readonly maxStreams?: number
  /** Called with unexpected errors, such as one thrown by `authorize`. Default: print them. Responses never contain them. */
  readonly onError?: (error: unknown) => void
}

/** Handles requests under `basePath`; answers others with 404. */
export type ConsoleHandler = (request: Request) => Promise<Response>

const DEFAULT_MAX_STREAMS = 64

/**
 * Creates the live console of a pool as a fetch handler: the page, the files of its web component, and their API.
 *
 * @throws InvalidOptionError
 */
export function createConsole(options: ConsoleOptions): ConsoleHandler {
  const { pool, authorize = () => true, readOnly = true, token, maxStreams = DEFAULT_MAX_STREAMS } = options
  const { onError = console.error } = options
  const basePath = checkBasePath(options.basePath ?? '')
  const hosts = [...LOOPBACK_HOSTS, ...(options.allowedHosts ?? []).map((host) => host.toLowerCase())]
  const access = new Access({ pool, authorize, readOnly })
  const api = apiRoutes(access, eventsResponder(access, new TaskList(pool), maxStreams, onError), token)

  const app = new Hono()
  app.use(({ req }, next) => refuseOr(next, refuseHost(req.raw, hosts)))
  app.route(`${basePath}/api`, api)
  // All addresses in the page are relative, so its own must end with a slash.
  if (basePath !== '') app.get(basePath, ({ redirect }) => redirect(`${basePath}/`, 308))
  app.get(`${basePath}/`, ({ req, notFound }) => respondAsset(req.raw, 'index.html') ?? notFound())
  app.get(`${basePath}/:file`, ({ req, notFound }) => respondAsset(req.raw, req.param('file')) ?? notFound())
  app.notFound(() => respondRefusal(NOT_FOUND))
  app.onError((error) => {
    if (!isBgTaskError(error)) onError(error)
    return respondError(error)
  })

  return async (request) => {
    const response = await app.fetch(request)
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value)
    return response
  }
}

function apiRoutes(access: Access, respondEvents: ConsoleHandler, token: string | undefined): Hono {
  const api = new Hono()

  api.use(({ req }, next) => {
    const refusal = refuseCrossSite(req.raw) ?? (req.method === 'GET' ? undefined : refuseOrigin(req.raw))
    // Hono would run GET and drop the body, which would then be neither read nor cancelled.
    if (req.method === 'HEAD') return Promise.resolve(respondRefusal(GET_ONLY, { allow: 'GET' }))
    return refuseOr(next, refusal ?? refuseToken(req.raw, token))
  })

  api.get('/events', ({ req }) => respondEvents(req.raw))

  api.get('/tasks/:key', async ({ req }) => {
    const found = await access.find(req.raw, req.param('key'))
    if (found === undefined) return respondRefusal(NOT_FOUND)
    await using task = found.task
    return respondJson({ info: task === undefined ? found.info : await task.info() })
  })

  api.get('/tasks/:key/output', async ({ req }) => {
    const view = VIEWS.find((one) => one === req.query('view'))
    const found = await access.find(req.raw, req.param('key'))
    if (view === undefined || found?.task === undefined) return respondRefusal(NOT_FOUND)
    return respondDownload(found.task, found.info, view)
  })

  api.post('/tasks/:key/:action', async ({ req }) => {
    const action = WRITE_ACTIONS.find((one) => one === req.param('action'))
    if (action === undefined) return respondRefusal(NOT_FOUND)
    const body = await readJson(req.raw)
    if (body.refusal !== undefined) return respondRefusal(body.refusal)
    const found = await access.find(req.raw, req.param('key'))
    if (found === undefined) return respondRefusal(NOT_FOUND)
    await using _ = found.task
    if (await access.may(req.raw, action, found.info)) return respondJson(await act(found, action, body.value))
    return respondRefusal(access.readOnly ? READ_ONLY : FORBIDDEN)
  })

  return api
}

const READ_ONLY = { status: 403, code: 'READ_ONLY', message: 'This console is read-only.' } as const
const GET_ONLY = { status: 405, code: 'METHOD', message: 'Only GET is supported here.' } as const
const NOT_FOUND = { status: 404, code: 'NOT_FOUND', message: 'Not found.' } as const

async function refuseOr(next: () => Promise<void>, refusal: Parameters<typeof respondRefusal>[0] | undefined) {
  if (refusal !== undefined) return respondRefusal(refusal)
  await next()
  return undefined
}

function checkBasePath(path: unknown): string {
  if (typeof path === 'string' && (path === '' || /^(\/[\w.~-]+)+\/?$/.test(path))) return path.replace(/\/$/, '')
  throw new InvalidOptionError('basePath', path, 'must be a path such as /tasks')
}
