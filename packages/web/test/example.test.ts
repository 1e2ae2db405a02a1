import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { makeTempDir } from '@bgtask/testkit'
import { expect, onTestFinished, test } from 'vitest'

test('the example starts jobs in an Express app, and shows each user a console of their own jobs', async () => {
  const directory = makeTempDir()
  Object.assign(process.env, { JOBS: directory.path, PORT: '0' })
  const { pool, server } = await import('../../../examples/express-console.js')
  onTestFinished(async () => {
    for (const task of await pool.search()) await task.terminateSupervisor()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    directory.remove()
  })
  if (!server.listening) await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const as = (user: string) => ({
    headers: { cookie: `user=${user}`, origin: base, 'content-type': 'application/json' },
  })

  const started = await fetch(`${base}/jobs`, { method: 'POST', ...as('ann'), redirect: 'manual' })
  const job = started.headers.get('location') as string
  expect(await (await fetch(base + job)).text()).toContain('<bgtask-console src="/jobs/console/" task="')
  for (const page of ['', 'console.js']) expect((await fetch(`${base}/jobs/console/${page}`)).status).toBe(200)

  const api = `${base}/jobs/console/api/tasks/${job.split('/').at(-1)}`
  expect((await fetch(api, as('ann'))).status).toBe(200)
  expect((await fetch(api, as('bob'))).status).toBe(404)
  const post = (action: string, user: string) => fetch(`${api}/${action}`, { method: 'POST', body: '{}', ...as(user) })
  expect((await post('stop', 'bob')).status).toBe(404)
  expect((await post('terminate', 'ann')).status).toBe(403)
  expect((await post('stop', 'ann')).status).toBe(200)
})
