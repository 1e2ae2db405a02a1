import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { cli, program } from './support/cli.js'

test('web serves the pool, tells where, and ends with a signal in order; tasks stay', async () => {
  const user = cli()
  const id = await user.run('-n', 'kept', 'sleep', '60')
  const web = user.bgtask(['web', '--json', '--write'])
  const [told] = await once(web.stdout, 'data')
  const { url } = JSON.parse(String(told))
  const { origin, hash } = new URL(url)
  expect(await (await fetch(origin)).text()).toContain('<title>bgtask</title>')
  const headers = { authorization: `Bearer ${hash.replace('#token=', '')}`, 'content-type': 'application/json' }
  const task = `${origin}/api/tasks/${id}`
  expect((await (await fetch(task, { headers })).json()).info.meta.name).toBe('kept')
  const pause = { method: 'POST', body: '{}', headers: { ...headers, origin } }
  expect(await (await fetch(`${task}/pause`, pause)).json()).toEqual({ delivered: true })
  web.kill('SIGTERM')
  expect((await web).exitCode).toBe(0)
  expect(await user.json('ls')).toMatchObject([{ tasks: [{ state: 'paused' }] }])
})

test.each([['99999'], ['http']])('web --port %s is refused, with the option named', async (port) => {
  const { stderr, exitCode } = await cli().bgtask(['web', '--port', port])
  expect([exitCode, String(stderr)]).toEqual([2, expect.stringContaining('port')])
})

/** The build makes a require of the import, which fails with another code: the raw error was shown. */
test('web says what to install where its package is missing', async () => {
  const directory = tempDir()
  cpSync(dirname(program), directory, { recursive: true })
  const { stderr, exitCode } = await runNode(join(directory, 'start.cjs'), ['web'], { env: { NODE_PATH: '' } })
  expect([exitCode, String(stderr)]).toEqual([125, expect.stringContaining('npm install @bgtask/web')])
})
