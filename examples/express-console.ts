// An Express app that starts jobs and shows each user the live console of their own.
// `pnpm build`, then `node examples/express-console.ts` (Node.js 22.18 or newer runs TypeScript as it is).
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { type Authorize, createConsole, nodeListener } from '@bgtask/web'
import express from 'express'

// A real app would have a lasting directory; the jobs outlive the app.
export const pool = new TaskPool({ path: process.env.JOBS ?? mkdtempSync(join(tmpdir(), 'jobs-')) })
const app = express()

/** Each user sees and controls their own jobs, and none may remove one. Stands in for your session. */
const authorize: Authorize = (request, action, task) => {
  if (action === 'list') return true
  return action !== 'terminate' && task?.meta.owner === userOf(request.headers.get('cookie') ?? '')
}

// These two lines mount the console.
const console_ = createConsole({ pool, basePath: '/jobs/console', readOnly: false, authorize })
app.use('/jobs/console', nodeListener(console_))

app.post('/jobs', async (request, response) => {
  const owner = userOf(request.headers.cookie ?? '')
  const task = await pool.spawn({
    cmd: 'for i in $(seq 1 60); do echo "step $i"; sleep 1; done',
    meta: { name: 'steps', owner },
  })
  response.redirect(303, `/jobs/${task.pid}`)
})

app.get('/jobs/:pid', (request, response) => {
  const pid = Number(request.params.pid)
  response.send(`<!doctype html><title>Job ${pid}</title><h1>Job ${pid}</h1>
    <script type="module" src="/jobs/console/console.js"></script>
    <bgtask-console src="/jobs/console/" task="${pid}" style="height: 30rem"></bgtask-console>`)
})

app.get('/', (_, response) => {
  response.send(`<!doctype html><title>Jobs</title><form method="post" action="/jobs"><button>Start a job</button></form>
    <p><a href="/jobs/console/">All of my jobs</a></p>`)
})

export const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Open http://127.0.0.1:${address?.port}/`)
})

function userOf(cookie: string): string {
  return /(?:^|;\s*)user=(\w+)/.exec(cookie)?.[1] ?? 'guest'
}
