import type { Access } from '../access.js'
import { FORBIDDEN, respondRefusal } from '../http/respond.js'
import { type ConsoleEvent, type ListedTask, VIEWS } from '../shared/messages.js'
import type { FoundTask } from '../tasks/find.js'
import type { TaskList } from '../tasks/task-list.js'
import { eventStream } from './event-stream.js'
import { ListFeed } from './list-feed.js'
import { outputEvents } from './output-events.js'
import { parsePosition } from './position.js'

const BUSY = {
  status: 503,
  code: 'BUSY',
  message: 'Too many pages are connected to this console; try again later.',
} as const

/**
 * Answers requests for an event stream. `?task=` selects a task (`view`, and `from` or the header `Last-Event-ID` as start
 * position). Without it, or with `list=1`, the stream includes the task list.
 *
 * @param maxStreams maximum number of concurrent streams: each needs a connection to its task.
 * @param failed called with unexpected errors.
 */
export function eventsResponder(access: Access, list: TaskList, maxStreams: number, failed: (error: unknown) => void) {
  let streams = 0

  return async (request: Request): Promise<Response> => {
    const query = new URL(request.url).searchParams
    const key = query.get('task')
    const wantsList = key === null || query.get('list') === '1'
    if (wantsList && !(await access.may(request, 'list'))) return respondRefusal(FORBIDDEN)
    const found = key === null ? undefined : await access.find(request, key)
    const opened = key === null ? [] : await openingEvents(access, request, found)
    if (streams >= maxStreams) return respondRefusal(BUSY)
    streams += 1
    const left = new AbortController()
    const signal = AbortSignal.any([request.signal, left.signal])
    const view = VIEWS.find((one) => one === query.get('view')) ?? 'merged'
    const from = parsePosition(view, request.headers.get('last-event-id') ?? query.get('from'))
    const isVisible = async ({ info }: ListedTask) =>
      (wantsList || info.taskId === found?.info.taskId) && (await access.may(request, 'read', info))
    const body = eventStream({
      first: [{ event: 'hello', data: { writable: !access.readOnly } }, ...opened],
      list: new ListFeed(list, isVisible),
      output: found?.task && outputEvents(found.task, view, from, signal),
      signal,
      closed: () => {
        streams -= 1
        left.abort()
        found?.task?.disconnect()
      },
      failed,
    })
    return new Response(body, {
      headers: {
        'content-type': 'text/event-stream',
        // Otherwise nginx or compressing middleware would buffer events up to a few KiB.
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      },
    })
  }
}

async function openingEvents(access: Access, request: Request, found: FoundTask | undefined): Promise<ConsoleEvent[]> {
  if (found === undefined) return [{ event: 'end', data: { reason: 'not-found' } }]
  const opened = { taskId: found.info.taskId, can: await access.allowed(request, found.info) }
  const end: ConsoleEvent[] = found.task === undefined ? [{ event: 'end', data: { reason: 'gone' } }] : []
  return [{ event: 'opened', data: opened }, ...end]
}
