import { createServer, type RequestListener } from 'node:http'
import { eventually } from '@bgtask/testkit'
import { getRequestListener } from '@hono/node-server'
import express, { type RequestHandler } from 'express'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { type ConsoleHandler, createConsole, nodeListener } from '../src/index.js'
import { EventReader } from './support/events.js'
import { listen } from './support/listen.js'
import { testPool } from './support/pool.js'

const inExpress =
  (...before: RequestHandler[]) =>
  (handler: ConsoleHandler): RequestListener => {
    const app = express()
    for (const one of before) app.use(one)
    return app.use('/jobs', nodeListener(handler))
  }

/** As in the package's README. */
const inHono = (handler: ConsoleHandler): RequestListener => {
  const app = new Hono()
  app.all('/jobs/*', (context) => handler(context.req.raw))
  return getRequestListener(app.fetch)
}

test.each([
  { name: 'a server of node:http', mount: nodeListener },
  { name: 'an Express app', mount: inExpress() },
  { name: 'an Express app that parses every body as JSON', mount: inExpress(express.json()) },
  { name: 'an Express app that reads every body as text', mount: inExpress(express.text({ type: '*/*' })) },
  { name: 'an Express app that reads every body as bytes', mount: inExpress(express.raw({ type: '*/*' })) },
  { name: 'a Hono app', mount: inHono },
])(
  'in $name the console serves pages, reports and writes to tasks, and frees the place of a closed stream',
  async ({ mount }) => {
    const pool = testPool()
    const task = await pool.start('cat')
    const handler = createConsole({ pool, basePath: '/jobs', readOnly: false, maxStreams: 1 })
    const origin = await listen(createServer(mount(handler)))
    expect(await (await fetch(`${origin}/jobs/`)).text()).toContain('page.js')

    const headers = { origin, 'content-type': 'application/json' }
    const body = JSON.stringify({ data: 'hello\n' })
    const written = await fetch(`${origin}/jobs/api/tasks/${task.pid}/stdin`, { method: 'POST', headers, body })
    expect(await written.json()).toEqual({ acceptedOffset: 6 })

    const openStream = () => fetch(`${origin}/jobs/api/events`)
    const first = new EventReader(await openStream())
    await first.until('tasks', ({ changed }) => changed[0]?.info.supervisorPid === task.pid)
    expect((await openStream()).status).toBe(503)
    await first.cancel()
    const second = await eventually(async () => {
      const response = await openStream()
      return response.ok && response
    })
    await new EventReader(second).until('tasks')
  },
)
