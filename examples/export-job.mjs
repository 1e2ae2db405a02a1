// An Express app whose export jobs survive its restarts: POST /exports starts one, GET /exports/<id> reports on it.
// `pnpm build`, then `JOBS=/some/directory node examples/export-job.mjs`.
import { fileURLToPath } from 'node:url'
import { Task } from '@bgtask/client'
import { TaskPool } from '@bgtask/pool'
import express from 'express'

const self = fileURLToPath(import.meta.url)

if (process.argv[2] === 'export') await exportRows(Number(process.argv[3]))
else serve(new TaskPool({ path: process.env.JOBS ?? './jobs', mkdirIfMissing: true }))

/** The app keeps no list of jobs: the pool's directory is the list. */
function serve(pool) {
  const app = express()

  app.post('/exports', async (request, response) => {
    const rows = Number(request.query.rows ?? 100)
    const task = await pool.spawn({ exec: [process.execPath, self, 'export', String(rows)], meta: { name: 'export' } })
    response.status(202).json({ id: task.taskId })
  })

  app.get('/exports/:id', async (request, response) => {
    const task = await pool.taskById(request.params.id)
    if (!task) return response.status(404).json({ error: 'no such export' })
    const { state, exitStatus, meta } = await task.info()
    response.json({ state, exitStatus, progress: meta.progress })
  })

  app.get('/exports/:id/rows', async (request, response) => {
    const task = await pool.taskById(request.params.id)
    if (!task) return response.status(404).json({ error: 'no such export' })
    for await (const chunk of task.stdout.follow()) response.write(chunk.data ?? '')
    response.end()
  })

  const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}`)
  })
}

/** The job: a program of its own, which reports its progress to its supervisor. */
async function exportRows(rows) {
  const task = Task.current()
  for (let row = 1; row <= rows; row++) {
    console.log(`row ${row}`)
    await task?.progress({ done: row, total: rows })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
