import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { type Cli, cli, program } from './support/cli.js'

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

describe('web --token-file', () => {
  /** Each start made a new token, and an open page had lost its way. */
  test('is made for its user alone, and the next start has its token', async () => {
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
    { what: 'others may read', why: 'read or written by others', make: (file) => write(file, TOKEN, 0o640) },
    { what: 'others may write', why: 'read or written by others', make: (file) => write(file, TOKEN, 0o602) },
    { what: 'is empty', why: 'holds no token', make: (file) => write(file, '') },
    { what: 'holds too little', why: 'holds no token', make: (file) => write(file, TOKEN.slice(1)) },
    { what: 'holds too much', why: 'holds no token', make: (file) => write(file, 'a'.repeat(129)) },
    { what: 'holds several lines', why: 'holds no token', make: (file) => write(file, `${TOKEN}\n${TOKEN}\n`) },
    { what: 'is a directory', why: 'is no regular file', make: (file) => mkdirSync(file) },
    { what: 'is a pipe', why: 'is no regular file', make: (file) => execFileSync('mkfifo', ['-m', '600', file]) },
    {
      what: 'is a link',
      why: 'is no regular file',
      make: (file) => {
        write(`${file}-of-others`, TOKEN)
        symlinkSync(`${file}-of-others`, file)
      },
    },
  ]
  test.for(refused)('that $what is refused, and its content is not told', async ({ why, make }) => {
    const user = cli()
    await user.run('sleep', '60')
    make(join(user.directory, 'token'))
    await expectRefused(user, 'token', why)
  })

  test.runIf(needs('root'))('that belongs to somebody else is refused', async () => {
    const user = cli()
    await user.run('sleep', '60')
    const file = join(user.directory, 'token')
    write(file, TOKEN)
    chownSync(file, 12_345, 12_345)
    await expectRefused(user, 'token', 'belongs to somebody else')
  })

  test('in a directory that is not there is refused', async () => {
    const user = cli()
    await user.run('sleep', '60')
    await expectRefused(user, 'none/token', 'cannot be made (ENOENT)')
  })

  async function servedToken({ bgtask }: Cli): Promise<string> {
    const web = bgtask(['web', '--json', '--token-file', 'token'])
    const [told] = await once(web.stdout, 'data')
    web.kill('SIGTERM')
    await web
    return new URL(JSON.parse(String(told)).url).hash.replace('#token=', '')
  }

  async function expectRefused({ bgtask }: Cli, file: string, why: string): Promise<void> {
    const { stdout, stderr, exitCode } = await bgtask(['web', '--token-file', file])
    expect([exitCode, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)])
    expect(stderr).toMatch(/^bgtask: --token-file /)
    expect(stderr).not.toContain(TOKEN.slice(1))
  }
})

/** The build makes a require of the import, which fails with another code: the raw error was shown. */
test('web says what to install where its package is missing', async () => {
  const directory = tempDir()
  cpSync(dirname(program), directory, { recursive: true })
  const { stderr, exitCode } = await runNode(join(directory, 'bgtask.cjs'), ['web'], { env: { NODE_PATH: '' } })
  expect([exitCode, String(stderr)]).toEqual([125, expect.stringContaining('npm install @bgtask/web')])
})
