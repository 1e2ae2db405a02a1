import type { TaskPool } from '@bgtask/pool'
import { InvalidOptionError, type RecordedInfo } from '@bgtask/protocol'
import { Hono } from 'hono'
import { act } from './actions.js'
import { eventStream } from './events/event-stream.js'
import { ListFeed } from './events/list-feed.js'
import { type OutputEvent, outputEvents } from './events/output-events.js'
import { parsePosition } from './events/position.js'
import { respondAsset } from './http/assets.js'
import { readJson } from './http/body.js'
import { respondDownload } from './http/download.js'
import { LOOPBACK_HOSTS, refuseCrossSite, refuseHost, refuseOrigin, refuseToken } from './http/guard.js'
import { respondError, respondJson, respondRefusal, SECURITY_HEADERS } from './http/respond.js'
import { type ConsoleAction, type ConsoleEvent, VIEWS, type View, WRITE_ACTIONS, type WriteAction } from './shared/messages.js'
import { findTask } from './tasks/find.js'
import { TaskList } from './tasks/task-list.js'

/** Whether a request may do something. `task` is the task's info (without streams), undefined for `list`. */
export type Authorize = (
  request: Request,
  action: ConsoleAction,
  task: RecordedInfo | undefined,
) => boolean | Promise<boolean>

export interface ConsoleOptions {
  readonly pool: TaskPool
  /** Asked for every action of every request, also where `readOnly` is false; everything is allowed unless given. */
  readonly authorize?: Authorize
  /** True unless given: nothing can be changed, whoever asks. */
  readonly readOnly?: boolean
  /** Path under which the console is mounted, such as `/tasks`; the root unless given. */
  readonly basePath?: string
  /** Host names (without port) under which the console may be asked for, beside those of loopback. */
  readonly allowedHosts?: readonly string[]
  /** What every request to the API must bring as `Authorization: Bearer …`. */
  readonly token?: string
  /** The most pages that may look at once, 64 unless given; others are told to come again. */
  readonly maxStreams?: number
}

/** Handles requests under `basePath`; anything else is a 404. */
export type ConsoleHandler = (request: Request) => Promise<Response>

/** Each stream costs a connection to its task; a page uses one. */
const MAX_STREAMS = 64

/**
 * The live console of a pool as a fetch handler: the page, the files of its web component, and the API they use.
 *
 * @throws InvalidOptionError
 */
export function createConsole(options: ConsoleOptions): ConsoleHandler {
  const { pool, authorize = () => true, readOnly = true, token, maxStreams = MAX_STREAMS } = options
  const basePath = checkBasePath(options.basePath ?? '')
  const hosts = [...LOOPBACK_HOSTS, ...(options.allowedHosts ?? []).map((host) => host.toLowerCase())]
  const list = new TaskList(pool)
  let streams = 0

  const may = async (request: Request, action: ConsoleAction, task?: RecordedInfo) => {
    const writes = WRITE_ACTIONS.some((one) => one === action)
    return !(writes && readOnly) && (await authorize(request, action, task))
  }

  /** A task that may not be read is one that is not there. */
  const find = async (request: Request, key: string) => {
    const found = await findTask(pool, key, request.signal)
    return found !== undefined && (await may(request, 'read', found.info)) ? found : undefined
  }

  const openTask = async (request: Request, key: string, view: View) => {
    const found = await find(request, key)
    if (found === undefined) return { first: [endEvent('not-found')] }
    const { info, task } = found
    const allowed = await Promise.all(WRITE_ACTIONS.map((action) => may(request, action, info)))
    const can = WRITE_ACTIONS.filter((_, index) => allowed[index])
    const opened: ConsoleEvent = { event: 'opened', data: { taskId: info.taskId, can } }
    return task === undefined ? { first: [opened, endEvent('gone')] } : { first: [opened], task }
  }

  const api = new Hono()

  api.use(async ({ req }, next) => {
    const refusal =
      refuseCrossSite(req.raw) ?? (req.method === 'GET' ? undefined : refuseOrigin(req.raw)) ?? refuseToken(req.raw, token)
    return refusal === undefined ? next() : respondRefusal(refusal)
  })

  api.get('/events', async ({ req }) => {
    const request = req.raw
    const key = req.query('task')
    const view = VIEWS.find((one) => one === req.query('view')) ?? 'merged'
    const wantsList = key === undefined || req.query('list') === '1'
    if (wantsList && !(await may(request, 'list'))) return respondRefusal(FORBIDDEN)
    if (streams >= maxStreams) return respondRefusal(BUSY)
    streams += 1
    const left = new AbortController()
    request.signal.addEventListener('abort', () => left.abort(), { once: true })
    try {
      const opened = key === undefined ? { first: [] } : await openTask(request, key, view)
      const from = parsePosition(view, req.header('last-event-id') ?? req.query('from'))
      const { task } = opened as { task?: Parameters<typeof outputEvents>[0] }
      const shown = async ({ info }: { info: RecordedInfo }) =>
        (wantsList || info.taskId === key || String(info.supervisorPid) === key) && (await may(request, 'read', info))
      const body = eventStream({
        first: [{ event: 'hello', data: { writable: !readOnly } }, ...opened.first],
        list: new ListFeed(list, shown),
        output: task && (outputEvents(task, view, from, left.signal) as AsyncIterator<OutputEvent, void>),
        signal: left.signal,
        closed: () => {
          streams -= 1
          left.abort()
          task?.disconnect()
        },
      })
      return new Response(body, {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
      })
    } catch (error) {
      streams -= 1
      throw error
    }
  })

  api.get('/tasks/:key', async ({ req }) => {
    const found = await find(req.raw, req.param('key'))
    if (found === undefined) return respondRefusal(NOT_FOUND)
    await using task = found.task
    return respondJson({ info: task === undefined ? found.info : await task.info() })
  })

  api.get('/tasks/:key/output', async ({ req }) => {
    const view = VIEWS.find((one) => one === req.query('view'))
    const found = await find(req.raw, req.param('key'))
    if (view === undefined || found?.task === undefined) return respondRefusal(NOT_FOUND)
    return respondDownload(found.task, found.info, view)
  })

  api.post('/tasks/:key/:action', async ({ req }) => {
    const action = WRITE_ACTIONS.find((one): one is WriteAction => one === req.param('action'))
    if (action === undefined) return respondRefusal(NOT_FOUND)
    const body = await readJson(req.raw)
    if ('refusal' in body) return respondRefusal(body.refusal)
    const found = await find(req.raw, req.param('key'))
    if (found === undefined) return respondRefusal(NOT_FOUND)
    if (!(await may(req.raw, action, found.info))) return respondRefusal(readOnly ? READ_ONLY : FORBIDDEN)
    await using _ = found.task
    return respondJson(await act(found, action, body.value))
  })

  const app = new Hono()
  app.use(async ({ req, res }, next) => {
    const refusal = refuseHost(req.raw, hosts)
    if (refusal !== undefined) return respondRefusal(refusal)
    await next()
    return undefined
  })
  app.route(`${basePath}/api`, api)
  // Everything that the page names is relative to it, so it needs to know its folder.
  if (basePath !== '') app.get(basePath, ({ redirect }) => redirect(`${basePath}/`, 308))
  app.get(`${basePath}/:file?`, ({ req, notFound }) => {
    const name = req.param('file') ?? 'index.html'
    return respondAsset(req.raw, name) ?? notFound()
  })
  app.notFound(() => respondRefusal(NOT_FOUND))
  app.onError((error) => respondError(error))

  return async (request) => {
    const response = await app.fetch(request)
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value)
    return response
  }
}

const FORBIDDEN = { status: 403, code: 'FORBIDDEN', message: 'This is not allowed.' }
const READ_ONLY = { status: 403, code: 'READ_ONLY', message: 'This console is read-only.' }
const NOT_FOUND = { status: 404, code: 'NOT_FOUND', message: 'There is no such thing here.' }
const BUSY = { status: 503, code: 'BUSY', message: 'Too many pages look at this console; try again later.' }

function endEvent(reason: 'not-found' | 'gone'): ConsoleEvent<'end'> {
  return { event: 'end', data: { reason } }
}

function checkBasePath(path: unknown): string {
  if (typeof path === 'string' && (path === '' || /^(\/[\w.~-]+)+\/?$/.test(path))) return path.replace(/\/$/, '')
  throw new InvalidOptionError('basePath', path, 'must be a path such as /tasks')
}
