import { readFileSync } from 'node:fs'
import type { Task } from '@bgtask/client'
import { eventually } from '@bgtask/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ConsoleOptions, createConsole } from '../src/index.js'
import type { ConsoleAction } from '../src/shared/messages.js'
import { TestPool, testPool } from './support/pool.js'

const BASE = 'http://localhost:7000'

function get(path: string, headers: Record<string, string> = {}): Request {
  return new Request(`${BASE}${path}`, { headers })
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(`${BASE}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: BASE, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function code(response: Response): Promise<string> {
  return (await response.json()).error.code
}

async function opened(options: Partial<ConsoleOptions> = {}, cmd = 'cat') {
  const pool = testPool()
  const task = await pool.start(cmd, { meta: { name: 'one' } })
  return { pool, task, handle: createConsole({ pool, ...options }) }
}

/** For tests that leave the task as it is. */
const shared = { pool: undefined as unknown as TestPool, task: undefined as unknown as Task }
beforeAll(async () => {
  shared.pool = new TestPool()
  shared.task = await shared.pool.start('cat', { meta: { name: 'one' } })
  return () => shared.pool[Symbol.asyncDispose]()
})

function untouched(options: Partial<ConsoleOptions> = {}) {
  return { task: shared.task, handle: createConsole({ pool: shared.pool, ...options }) }
}

const ACTIONS: { action: ConsoleAction; body: unknown }[] = [
  { action: 'stdin', body: { data: 'x\n' } },
  { action: 'signal', body: { signal: 'SIGCONT' } },
  { action: 'pause', body: {} },
  { action: 'resume', body: {} },
  { action: 'restart', body: {} },
  { action: 'stop', body: {} },
  { action: 'terminate', body: {} },
  { action: 'meta', body: { patch: { seen: true } } },
]

describe('refused requests', () => {
  test.each([
    { host: 'evil.example', status: 403 },
    { host: 'evil.example:7000', status: 403 },
    { host: 'localhost.evil.example', status: 403 },
    { host: '', status: 403 },
    { host: 'localhost', status: 200 },
    { host: 'LOCALHOST:81', status: 200 },
    { host: '127.0.0.1:7000', status: 200 },
    { host: '[::1]:7000', status: 200 },
    { host: 'tasks.example', status: 200 },
  ])('a request with the host "$host" gets $status', async ({ host, status }) => {
    const handle = createConsole({ pool: shared.pool, allowedHosts: ['Tasks.example'] })
    expect((await handle(get('/', { host }))).status).toBe(status)
  })

  test.each([
    { name: 'of another site', headers: { origin: 'http://evil.example' } },
    { name: 'of another port', headers: { origin: 'http://localhost:8000' } },
    { name: 'of a sandboxed page', headers: { origin: 'null' } },
    { name: 'without an origin', headers: { origin: '' } },
  ])('a write $name is refused', async ({ headers }) => {
    const { task, handle } = untouched({ readOnly: false })
    const response = await handle(post(`/api/tasks/${task.pid}/stop`, {}, headers))
    expect([response.status, await code(response)]).toEqual([403, 'ORIGIN'])
    expect((await task.info()).state).toBe('running')
  })

  test.each(['cross-site', 'same-site'])('a read that the browser marks as %s is refused', async (site) => {
    const { task, handle } = untouched()
    const response = await handle(get(`/api/tasks/${task.pid}`, { 'sec-fetch-site': site }))
    expect([response.status, await code(response)]).toEqual([403, 'CROSS_SITE'])
  })

  test.each([undefined, 'Bearer wrong', 'Bearer secret2', 'secret'])(
    'the API refuses the token "%s"',
    async (token) => {
      const { task, handle } = untouched({ token: 'secret' })
      const headers: Record<string, string> = token === undefined ? {} : { authorization: token }
      expect((await handle(get(`/api/tasks/${task.pid}`, headers))).status).toBe(401)
      expect((await handle(get('/api/events', headers))).status).toBe(401)
      expect((await handle(get(`/api/tasks/${task.pid}`, { authorization: 'Bearer secret' }))).status).toBe(200)
    },
  )

  test.each(ACTIONS)('$action is refused unless writing is allowed', async ({ action, body }) => {
    const { task, handle } = untouched()
    const before = await task.info()
    const response = await handle(post(`/api/tasks/${task.pid}/${action}`, body))
    expect([response.status, await code(response)]).toEqual([403, 'READ_ONLY'])
    expect(await task.info()).toMatchObject({ state: before.state, pid: before.pid, meta: before.meta })
  })

  test.each(ACTIONS)('$action is refused if authorize denies it', async ({ action, body }) => {
    const asked: [string, unknown][] = []
    const authorize: ConsoleOptions['authorize'] = (_, what, info) => {
      asked.push([what, info?.meta.name])
      return what !== action
    }
    const { task, handle } = untouched({ readOnly: false, authorize })
    const response = await handle(post(`/api/tasks/${task.pid}/${action}`, body))
    expect([response.status, await code(response)]).toEqual([403, 'FORBIDDEN'])
    expect(asked).toEqual([
      ['read', 'one'],
      [action, 'one'],
    ])
    expect((await task.info()).state).toBe('running')
  })

  test('a task that may not be read appears to be missing', async () => {
    const { task, handle } = untouched({ readOnly: false, authorize: (_, action) => action !== 'read' })
    const requests = [
      get(`/api/tasks/${task.pid}`),
      get(`/api/tasks/${task.pid}/output?view=stdout`),
      post(`/api/tasks/${task.pid}/stop`, {}),
    ]
    for (const request of requests) expect((await handle(request)).status).toBe(404)
  })

  test('authorize must return true, not just a truthy value', async () => {
    const { task, handle } = untouched({ authorize: (() => 'no') as never })
    expect((await handle(get(`/api/tasks/${task.pid}`))).status).toBe(404)
    expect((await handle(get('/api/events'))).status).toBe(403)
  })

  test.each([
    {
      name: 'a form',
      request: () => post('/api/tasks/1/stop', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
      status: 415,
    },
    {
      name: 'plain text',
      request: () => post('/api/tasks/1/stop', '{}', { 'content-type': 'text/plain' }),
      status: 415,
    },
    { name: 'invalid JSON', request: () => post('/api/tasks/1/stop', '{'), status: 400 },
    { name: '200 KiB', request: () => post('/api/tasks/1/stdin', { data: 'x'.repeat(200 * 1024) }), status: 413 },
    { name: 'an unknown action', request: () => post('/api/tasks/1/eval', {}), status: 404 },
    { name: 'an unknown task', request: () => post('/api/tasks/1/stop', {}), status: 404 },
  ])('$name is refused with $status', async ({ request, status }) => {
    const handle = createConsole({ pool: shared.pool, readOnly: false })
    expect((await handle(request())).status).toBe(status)
  })

  test('a body of unknown length is refused once it is too long', async () => {
    const handle = createConsole({ pool: shared.pool, readOnly: false })
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(32)) })
    const request = new Request(`${BASE}/api/tasks/1/stop`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: BASE },
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect((await handle(request)).status).toBe(413)
  })

  test.each([
    { action: 'stdin', body: { data: 1 } },
    { action: 'signal', body: {} },
    { action: 'signal', body: { signal: 'SIGNONSENSE' } },
    { action: 'meta', body: { patch: 'x' } },
    { action: 'meta', body: { patch: { big: 'x'.repeat(70_000) } } },
    { action: 'stop', body: null },
  ])('$action with an invalid body is refused: $body', async ({ action, body }) => {
    const { task, handle } = untouched({ readOnly: false })
    const response = await handle(post(`/api/tasks/${task.pid}/${action}`, body))
    expect([response.status, await code(response)]).toEqual([400, 'ERR_BGTASK_INVALID_OPTION'])
  })

  test.each(['/../package.json', '/%2e%2e/index.js', '/constructor', '/assets/page.js', '/api', '/api/tasks'])(
    'the path %s is not found',
    async (path) => {
      expect((await createConsole({ pool: shared.pool })(get(path))).status).toBe(404)
    },
  )
})

describe('answered requests', () => {
  test.each([
    { file: '', type: 'text/html' },
    { file: 'console.js', type: 'text/javascript' },
    { file: 'page.css', type: 'text/css' },
  ])('the file "$file" is served with an ETag and a policy without inline scripts', async ({ file, type }) => {
    const handle = createConsole({ pool: shared.pool, basePath: '/tasks/' })
    const response = await handle(get(`/tasks/${file}`))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain(type)
    const policy = response.headers.get('content-security-policy')
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/)
    expect(policy).not.toContain('unsafe')
    const again = await handle(get(`/tasks/${file}`, { 'if-none-match': response.headers.get('etag') as string }))
    expect(again.status).toBe(304)
  })

  test('the mount path without a slash redirects to the page', async () => {
    const response = await createConsole({ pool: shared.pool, basePath: '/a/tasks' })(get('/a/tasks'))
    expect([response.status, response.headers.get('location')]).toEqual([308, '/a/tasks/'])
  })

  test('the info of a task is found by id or by pid', async () => {
    const { task, handle } = untouched()
    const { taskId } = await task.info()
    for (const key of [taskId, task.pid]) {
      const response = await handle(get(`/api/tasks/${key}`))
      expect((await response.json()).info).toMatchObject({ taskId, supervisorPid: task.pid, meta: { name: 'one' } })
    }
  })

  test('each action is performed on the task', async () => {
    const { task, handle } = await opened(
      { readOnly: false },
      'trap "echo usr1" USR1; while read line; do echo "got $line"; done',
    )
    const act = async (action: string, body: unknown) => {
      const response = await handle(post(`/api/tasks/${task.pid}/${action}`, body))
      return [response.status, await response.json()]
    }
    expect(await act('stdin', { data: 'hello\n' })).toEqual([200, { acceptedOffset: 6 }])
    expect(await task.stdout.waitFor('got hello')).toBeDefined()
    expect(await act('meta', { patch: { name: null, team: 'x' } })).toEqual([200, { meta: { team: 'x' } }])
    expect(await act('pause', {})).toEqual([200, { delivered: true }])
    expect(await act('resume', {})).toEqual([200, { delivered: true }])
    expect(await act('restart', {})).toEqual([200, { restarted: false }])
    expect(await act('signal', { signal: 'USR1', tree: true })).toEqual([200, { delivered: true }])
    expect(await act('stdin', { eof: true })).toEqual([200, {}])
    expect(await task.wait({ timeoutMs: 10_000 })).toMatchObject({ exitCode: 0 })
    expect(await act('restart', {})).toEqual([200, { restarted: true }])
    expect(await act('stop', {})).toMatchObject([200, { exitStatus: { cause: 'stopped' }, survivors: [] }])
    expect(await act('terminate', {})).toMatchObject([200, { survivors: [] }])
    expect((await act('stop', {}))[0]).toBe(404)
  })

  test('a task whose supervisor was killed can be stopped and removed', async () => {
    const { pool, task, handle } = await opened({ readOnly: false }, 'sleep 1000')
    const { taskId } = await task.info()
    process.kill(task.pid, 'SIGKILL')
    await eventually(async () => (await pool.lost()).length === 1)
    expect((await (await handle(get(`/api/tasks/${taskId}`))).json()).info).toMatchObject({ state: 'orphaned' })
    expect((await handle(post(`/api/tasks/${taskId}/pause`, {}))).status).toBe(410)
    expect((await handle(post(`/api/tasks/${taskId}/stop`, {}))).status).toBe(200)
    expect((await (await handle(get(`/api/tasks/${taskId}`))).json()).info).toMatchObject({ state: 'lost' })
    expect((await handle(post(`/api/tasks/${taskId}/terminate`, {}))).status).toBe(200)
    expect((await handle(get(`/api/tasks/${taskId}`))).status).toBe(404)
  })

  test('kept output is downloaded as a file that no browser renders as a page', async () => {
    const pool = testPool()
    const task = await pool.start('echo "<script>"; head -c 300000 /dev/zero; echo err >&2', {
      meta: { name: '../"x\r\ny' },
    })
    await task.wait()
    const handle = createConsole({ pool })
    const download = async (view: string) => handle(get(`/api/tasks/${task.pid}/output?view=${view}`))
    const stdout = await download('stdout')
    expect(stdout.headers.get('content-type')).toBe('application/octet-stream')
    expect(stdout.headers.get('content-disposition')).toBe(`attachment; filename=".._x_y-${task.pid}.stdout.log"`)
    expect((await stdout.arrayBuffer()).byteLength).toBe(300_009)
    expect(await (await download('stderr')).text()).toBe('err\n')
    expect((await (await download('merged')).arrayBuffer()).byteLength).toBe(300_013)
    expect((await download('stdin')).status).toBe(404)
  })
})

test('unexpected errors are reported to the app, but not in the response', async () => {
  const error = new Error('password is hunter2')
  const errors: unknown[] = []
  const { task, handle } = untouched({ authorize: () => Promise.reject(error), onError: (one) => errors.push(one) })
  const response = await handle(get(`/api/tasks/${task.pid}`))
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('hunter2')
  expect(errors).toEqual([error])
})

test('createConsole names an invalid option', () => {
  expect(() => createConsole({ pool: shared.pool, basePath: 'tasks' })).toThrow(/basePath/)
})

/** The stdin of a task that does not read fills up; then the page gets an error instead of waiting. */
test('a write to a full stdin queue is answered with 504', async () => {
  const { task, handle } = await opened({ readOnly: false }, 'sleep 1000')
  const line = { data: 'x'.repeat(120 * 1024) }
  const statuses: number[] = []
  while (statuses.at(-1) !== 504 && statuses.length < 100) {
    statuses.push((await handle(post(`/api/tasks/${task.pid}/stdin`, line))).status)
  }
  expect(statuses.at(-1)).toBe(504)
  expect((await (task as Task).info()).state).toBe('running')
})

test('the assets are built', () => {
  expect(readFileSync(new URL('../dist/assets/console.js', import.meta.url), 'utf8').length).toBeGreaterThan(100_000)
})
