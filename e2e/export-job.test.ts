import { once } from 'node:events'
import { join } from 'node:path'
import { runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { endTasksAfterTest } from './support/pools.js'

const EXAMPLE = join(import.meta.dirname, '../examples/export-job.mjs')

test('an export job of the Express example continues while the app is killed and started again', {
  timeout: 120_000,
}, async () => {
  const JOBS = join(tempDir(), 'jobs')
  endTasksAfterTest(JOBS)

  const before = await startApp(JOBS)
  const { id } = await json(`${before.address}/exports?rows=50`, { method: 'POST' })
  expect(await json(`${before.address}/exports/${id}`)).toMatchObject({ state: 'running' })
  before.app.kill('SIGKILL')
  await before.app

  const after = await startApp(JOBS)
  const rows = await (await fetch(`${after.address}/exports/${id}/rows`)).text()
  expect(rows).toBe(Array.from({ length: 50 }, (_, index) => `row ${index + 1}\n`).join(''))
  expect(await json(`${after.address}/exports/${id}`)).toMatchObject({
    state: 'exited',
    exitStatus: { exitCode: 0 },
    progress: { done: 50, total: 50 },
  })
  expect(await json(`${after.address}/exports/${'0'.repeat(32)}`)).toEqual({ error: 'no such export' })
})

async function startApp(JOBS: string) {
  const app = runNode(EXAMPLE, [], { env: { JOBS, PORT: '0' }, timeout: 60_000 })
  const [chunk] = await once(app.stdout, 'data', { signal: AbortSignal.timeout(60_000) })
  return { app, address: String(chunk).trim() }
}

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  return (await fetch(url, init)).json() as Promise<Record<string, unknown>>
}
