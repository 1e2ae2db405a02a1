import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { type Cli, cli, program } from './support/cli.js'

test('web serves the pool, prints its address, and exits on a signal; tasks keep running', async () => {
  const user = cli()
  const id = await user.run('-n', 'kept', 'sleep', '60')
  const web = user.bgtask(['web', '--json', '--write'])
  const [line] = await once(web.stdout, 'data')
  const { url } = JSON.parse(String(line))
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

test.each([['99999'], ['http']])('web rejects --port %s, and names the option', async (port) => {
  const { stderr, exitCode } = await cli().bgtask(['web', '--port', port])
  expect([exitCode, String(stderr)]).toEqual([2, expect.stringContaining('port')])
})

describe('web --token-file', () => {
  /** Each start created a new token, which broke open pages. */
  test('web --token-file creates a file for its user only, and the next start reuses the token', async () => {
    const user = cli()
    await user.run('sleep', '60')
    const first = await servedToken(user)
    const file = join(user.directory, 'token')
    expect(readFileSync(file, 'utf8')).toBe(`${first}\n`)
    expect(first).toMatch(/^[\w-]{32}$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await servedToken(user)).toBe(first)
    writeFileSync(file, 'a-token-of-ones-own')
    expect(await servedToken(user)).toBe('a-token-of-ones-own')
  })

  const TOKEN = '0123456789abcdef'
  const write = (file: string, text: string, mode = 0o600) => {
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
  const refused: { what: string; why: string; make: (file: string) => void }[] = [
    { what: 'others can read', why: 'readable or writable by other users', make: (file) => write(file, TOKEN, 0o640) },
    { what: 'others can write', why: 'readable or writable by other users', make: (file) => write(file, TOKEN, 0o602) },
    { what: 'is empty', why: 'contains no token', make: (file) => write(file, '') },
    { what: 'is too short', why: 'contains no token', make: (file) => write(file, TOKEN.slice(1)) },
    { what: 'is too long', why: 'contains no token', make: (file) => write(file, 'a'.repeat(129)) },
    { what: 'has several lines', why: 'contains no token', make: (file) => write(file, `${TOKEN}\n${TOKEN}\n`) },
    { what: 'is a directory', why: 'is not a regular file', make: (file) => mkdirSync(file) },
    { what: 'is a pipe', why: 'is not a regular file', make: (file) => execFileSync('mkfifo', ['-m', '600', file]) },
    {
      what: 'is a link',
      why: 'is not a regular file',
      make: (file) => {
        write(`${file}-of-others`, TOKEN)
        symlinkSync(`${file}-of-others`, file)
      },
    },
  ]
  test.for(refused)('web rejects a token file that $what, and does not print its content', async ({ why, make }) => {
    const user = cli()
    await user.run('sleep', '60')
    make(join(user.directory, 'token'))
    await expectRefused(user, 'token', why)
  })

  test.runIf(needs('root'))('web rejects a token file of another user', async () => {
    const user = cli()
    await user.run('sleep', '60')
    const file = join(user.directory, 'token')
    write(file, TOKEN)
    chownSync(file, 12_345, 12_345)
    await expectRefused(user, 'token', 'belongs to another user')
  })

  test('web rejects a token file in a missing directory', async () => {
    const user = cli()
    await user.run('sleep', '60')
    await expectRefused(user, 'none/token', 'cannot be created (ENOENT)')
  })

  async function servedToken({ bgtask }: Cli): Promise<string> {
    const web = bgtask(['web', '--json', '--token-file', 'token'])
    const [line] = await once(web.stdout, 'data')
    web.kill('SIGTERM')
    await web
    return new URL(JSON.parse(String(line)).url).hash.replace('#token=', '')
  }

  async function expectRefused({ bgtask }: Cli, file: string, why: string): Promise<void> {
    const { stdout, stderr, exitCode } = await bgtask(['web', '--token-file', file])
    expect([exitCode, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)])
    expect(stderr).toMatch(/^bgtask: --token-file /)
    expect(stderr).not.toContain(TOKEN.slice(1))
  }
})

/** The build turns the import into a require, which fails with another code; users saw the raw error. */
test('web explains what to install if its package is missing', async () => {
  const directory = tempDir()
  cpSync(dirname(program), directory, { recursive: true })
  const { stderr, exitCode } = await runNode(join(directory, 'bgtask.cjs'), ['web'], { env: { NODE_PATH: '' } })
  expect([exitCode, String(stderr)]).toEqual([125, expect.stringContaining('npm install @bgtask/web')])
})
