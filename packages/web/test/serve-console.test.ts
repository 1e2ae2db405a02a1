import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ServeConsoleOptions, serveConsole } from '../src/index.js'
import { EventReader } from './support/events.js'
import { testPool } from './support/pool.js'

async function serve(options: Partial<ServeConsoleOptions> = {}) {
  const served = await serveConsole({ pool: testPool(), ...options })
  onTestFinished(() => served.close())
  const { origin, hash } = new URL(served.url)
  return { served, origin, token: /^#token=(.+)$/.exec(hash)?.[1] as string }
}

/** A plain request, since `fetch` does not allow setting Host. */
function statusOf(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', headers: { host } }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

describe('a served console', () => {
  test('serveConsole listens on loopback, and its API requires the generated token', async () => {
    const [one, other] = [await serve(), await serve()]
    expect(one.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(one.token).toHaveLength(32)
    expect(one.token).not.toBe(other.token)
    const status = async (token: string) =>
      (await fetch(`${one.origin}/api/tasks/none`, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await Promise.all([one.token, other.token].map(status))).toEqual([404, 401])
  })

  test.each([
    { write: undefined, status: 403 },
    { write: true, status: 200 },
  ])('with write: $write answers a write with $status', async ({ write, status }) => {
    const pool = testPool()
    const task = await pool.start('cat')
    const { origin, token } = await serve({ pool, write })
    const headers = { origin, authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${origin}/api/tasks/${task.pid}/stop`, { method: 'POST', body: '{}', headers })
    expect(response.status).toBe(status)
    expect((await task.info()).state).toBe(write ? 'exited' : 'running')
  })

  test('serveConsole accepts allowedHosts', async () => {
    const { served } = await serve({ host: '0.0.0.0', allowedHosts: ['Build.Example'] })
    const hosts = ['0.0.0.0:1', 'build.example', 'other.example']
    expect(await Promise.all(hosts.map((host) => statusOf(served.port, host)))).toEqual([200, 200, 403])
  })

  test('close() ends the streams of pages, and tasks keep running', async () => {
    const pool = testPool()
    const task = await pool.start('cat')
    const { served, origin, token } = await serve({ pool })
    const response = await fetch(`${origin}/api/events`, { headers: { authorization: `Bearer ${token}` } })
    expect(response.status).toBe(200)
    await served.close()
    await expect(response.text()).rejects.toThrow()
    await expect(fetch(origin)).rejects.toThrow()
    expect((await task.info()).state).toBe('running')
  })

  test.each([
    { options: { port: 65_536 }, message: 'port must be a number from 0 to 65535, got 65536' },
    { options: { port: 1.5 }, message: 'port must be a number from 0 to 65535, got 1.5' },
    { options: { host: '192.0.2.1' }, message: "host cannot be used for listening (EADDRNOTAVAIL), got '192.0.2.1'" },
    { options: { token: 'a b' }, message: "token must consist of letters, digits, - and _, got 'a b'" },
  ])('serveConsole rejects $options', async ({ options, message }) => {
    const error = await serveConsole({ pool: testPool(), ...options }).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', message })
  })

  test('serveConsole names a port that is in use', async () => {
    const { served } = await serve()
    const error = await serveConsole({ pool: testPool(), port: served.port }).catch((error) => error)
    expect(error.message).toBe(`port is in use by another program, got ${served.port}`)
  })
})

describe('connections without the token', () => {
  /** Opens sockets that send `text` and then stall. */
  async function stalled(port: number, count: number, text: string): Promise<Socket[]> {
    const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    for (const socket of sockets) socket.write(text)
    return sockets
  }

  test.each([
    { name: 'half a request', text: 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ' },
    { name: 'nothing', text: '' },
    { name: 'half a body', text: 'POST /api/tasks/1/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{' },
  ])(
    '300 unauthenticated connections that send $name neither lock out an authenticated client nor end its stream',
    async ({ text }) => {
      const { served, origin, token } = await serve()
      const headers = { authorization: `Bearer ${token}` }
      const events = new EventReader(await fetch(`${origin}/api/events`, { headers }))
      await events.until('tasks')
      await stalled(served.port, 300, text)
      const response = await fetch(`${origin}/api/tasks/none`, { headers, signal: AbortSignal.timeout(2_000) })
      expect(response.status).toBe(404)
      expect((await fetch(origin, { signal: AbortSignal.timeout(2_000) })).status).toBe(200)
      await events.cancel()
    },
  )

  test('an incomplete request times out', async () => {
    const { served } = await serve()
    const [socket] = await stalled(served.port, 1, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ')
    const [data] = await once(socket as Socket, 'data')
    expect(String(data)).toMatch(/^HTTP\/1.1 408 /)
  })
})
