import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type SpawnOptions, TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import { eventually, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { expectNothingLeft, makePool, processesOf } from '../support/pools.js'

/** Any type may come from JavaScript. */
const invalid = (options: object) => options as SpawnOptions

const circular: Record<string, unknown> = {}
circular.self = circular

interface Row {
  what: string
  options: SpawnOptions
  error: { code: string } & Record<string, unknown>
}

const option = (name: string) => ({ code: 'ERR_BGTASK_INVALID_OPTION', option: name })
const command = (name: string, reason: string) => ({ code: 'ERR_BGTASK_COMMAND', command: name, reason })

const ROWS: Row[] = [
  { what: 'neither cmd nor exec', options: invalid({}), error: option('cmd') },
  { what: 'both cmd and exec', options: invalid({ cmd: 'true', exec: ['true'] }), error: option('cmd') },
  { what: 'an empty cmd', options: { cmd: ' ' }, error: option('cmd') },
  { what: 'a cmd that is no string', options: invalid({ cmd: 7 }), error: option('cmd') },
  { what: 'an empty argv', options: { exec: [] }, error: option('exec') },
  { what: 'an empty program name', options: { exec: [''] }, error: option('exec') },
  { what: 'an argv of numbers', options: invalid({ exec: ['sleep', 1] }), error: option('exec.1') },
  { what: 'a command that does not exist', options: { exec: ['no-such'] }, error: command('no-such', 'not-found') },
  {
    what: 'a command that does not exist, where only root may look into a directory of PATH',
    options: { exec: ['no-such'], env: { PATH: '/root:/usr/bin:/bin' } },
    error: command('no-such', 'not-found'),
  },
  { what: 'a path that does not exist', options: { exec: ['/no/such'] }, error: command('/no/such', 'not-found') },
  {
    what: 'a command that is not executable',
    options: { exec: ['/etc/passwd'] },
    error: command('/etc/passwd', 'not-executable'),
  },
  { what: 'a command that is a directory', options: { exec: ['/etc'] }, error: command('/etc', 'not-executable') },
  {
    what: 'a cwd that does not exist',
    options: { cmd: 'true', cwd: '/no/such' },
    error: { ...command('/bin/sh', 'bad-cwd'), cwd: '/no/such' },
  },
  {
    what: 'a cwd that is a file',
    options: { cmd: 'true', cwd: '/etc/passwd' },
    error: { ...command('/bin/sh', 'bad-cwd'), cwd: '/etc/passwd' },
  },
  { what: 'circular meta', options: invalid({ cmd: 'true', meta: circular }), error: option('meta') },
  { what: 'meta with a function', options: invalid({ cmd: 'true', meta: { f: () => 1 } }), error: option('meta') },
  { what: 'meta with a BigInt', options: invalid({ cmd: 'true', meta: { n: 1n } }), error: option('meta') },
  { what: 'meta with NaN', options: { cmd: 'true', meta: { n: Number.NaN } }, error: option('meta') },
  { what: 'meta with a Date', options: invalid({ cmd: 'true', meta: { at: new Date() } }), error: option('meta') },
  { what: 'meta that is no object', options: invalid({ cmd: 'true', meta: 'foo' }), error: option('meta') },
  {
    what: 'meta above 64 KiB',
    options: { cmd: 'true', meta: { text: 'x'.repeat(65_536) } },
    error: option('meta'),
  },
  { what: 'an unknown option', options: invalid({ cmd: 'true', lockFile: 'x' }), error: option('lockFile') },
  { what: 'an unknown behavior', options: invalid({ cmd: 'true', behavior: 'demon' }), error: option('behavior') },
  { what: 'a NUL byte in cmd', options: { cmd: 'echo \0' }, error: option('cmd') },
  { what: 'a NUL byte in an argument', options: { exec: ['echo', 'a\0b'] }, error: option('exec.1') },
  { what: 'a NUL byte in env', options: { cmd: 'true', env: { SEED_A: '\0' } }, error: option('env.SEED_A') },
  { what: 'a NUL byte in cwd', options: { cmd: 'true', cwd: '/\0' }, error: option('cwd') },
  { what: 'an = in the name of a variable', options: { cmd: 'true', env: { 'A=B': '' } }, error: option('env') },
  {
    what: 'an argument of 2 MiB',
    options: { exec: ['echo', 'x'.repeat(2 * 1024 * 1024)] },
    error: command('echo', 'too-long'),
  },
  {
    what: 'an argument of 20 MiB',
    options: { exec: ['echo', 'x'.repeat(20 * 1024 * 1024)] },
    error: command('echo', 'too-long'),
  },
  { what: 'a buffer size of 0', options: { cmd: 'true', maxReadBufSize: 0 }, error: option('maxReadBufSize') },
  {
    what: 'a lock file in a missing directory',
    options: { cmd: 'true', lockfile: '/no/such/lock' },
    error: { ...option('lockfile'), got: '/no/such/lock' },
  },
  {
    what: 'a lock file that is a directory',
    options: { cmd: 'true', lockfile: '/etc' },
    error: { ...option('lockfile'), got: '/etc' },
  },
  {
    what: 'a lock file that is a device',
    options: { cmd: 'true', lockfile: '/dev/null' },
    error: { ...option('lockfile'), got: '/dev/null' },
  },
]

test.for(ROWS)('$what is an error that names it, and nothing is left', async ({ options, error }) => {
  const pool = makePool()
  const lockfile = join(tempDir(), 'the.lock')
  const outcome = await pool.spawn({ lockfile, ...options }).then(
    () => 'spawned',
    (reason: Error) => reason,
  )
  expect(outcome).toMatchObject(error)
  const named = error.option ?? error.cwd ?? error.command
  expect((outcome as Error).message).toContain(named)
  // A message is for a log: however large the thing was, it is named in a few words.
  expect((outcome as Error).message.length).toBeLessThan(1_000)
  expectNothingLeft(pool.path, lockfile)
})

describe('supervisorCmd', () => {
  const sh = (script: string) => ['/bin/sh', '-c', script]

  test.for([
    { what: 'does not exist', cmd: ['/no/such'], error: { code: 'ERR_BGTASK_LAUNCH', message: /\/no\/such/ } },
    { what: 'exits at once', cmd: sh('exit 3'), error: { code: 'ERR_BGTASK_LAUNCH', stderr: '' } },
    {
      what: 'exits with words',
      cmd: sh('echo "no room, sorry" >&2; exit 3'),
      error: { code: 'ERR_BGTASK_LAUNCH', stderr: 'no room, sorry\n', message: /no room, sorry/ },
    },
    {
      what: 'exits with an error that it names',
      cmd: sh(`echo 'BGTASK_ERROR={"code":"ERR_BGTASK_LOCK_HELD","message":"mine","lockfile":"/x"}' >&2`),
      error: { code: 'ERR_BGTASK_LOCK_HELD', lockfile: '/x', message: /^mine$/ },
    },
    {
      what: 'says nothing and runs on',
      cmd: sh('exec 2>&-; sleep 1000'),
      error: { code: 'ERR_BGTASK_LAUNCH', stderr: '' },
    },
    {
      what: 'hangs',
      cmd: sh('echo "one moment" >&2; cat >/dev/null; sleep 1000'),
      error: { code: 'ERR_BGTASK_LAUNCH_TIMEOUT', timeoutMs: 1_000, stderr: 'one moment\n' },
    },
    {
      what: 'does not even read its spec',
      cmd: sh('trap "" TERM; sleep 1000 & wait; wait'),
      error: { code: 'ERR_BGTASK_LAUNCH_TIMEOUT', timeoutMs: 1_000 },
    },
    {
      what: 'says ready and does not listen',
      cmd: sh('echo "DAEMON_PID=$$" >&2; exec sleep 1000'),
      error: { code: 'ERR_BGTASK_LAUNCH', message: /DAEMON_PID=\d+.*cannot be reached/s },
    },
    {
      what: 'says ready and exits',
      cmd: sh('echo "DAEMON_PID=$$" >&2'),
      error: { code: 'ERR_BGTASK_LAUNCH', message: /DAEMON_PID=\d+.*cannot be reached/s },
    },
    {
      what: 'talks without end',
      cmd: sh('while :; do echo "this is a line of many words" >&2; done'),
      error: { code: 'ERR_BGTASK_LAUNCH_TIMEOUT', timeoutMs: 1_000 },
    },
  ])('that $what is an error that names it, and nothing is left', async ({ cmd, error }) => {
    const pool = makePool({ supervisorCmd: cmd })
    const message = error.message ? { message: expect.stringMatching(error.message) } : {}
    // Silent supervisors were once reported as "supervisor failed to start", without their command.
    const named = /^ERR_BGTASK_LAUNCH/.test(error.code) && { supervisor: expect.stringContaining(cmd[0] as string) }
    await expect(pool.spawn({ cmd: 'true', launchTimeoutMs: 1_000 })).rejects.toMatchObject({
      ...error,
      ...message,
      ...named,
    })
    expectNothingLeft(pool.path)
  })

  test('a launch whose caller aborts removes all that it made', async () => {
    const pool = makePool({ supervisorCmd: sh('sleep 1000 & cat >/dev/null; wait') })
    const giveUp = new AbortController()
    const spawned = pool.spawn({ cmd: 'true', signal: giveUp.signal })
    await eventually(() => processesOf(pool.path).length > 1)
    giveUp.abort(new Error('changed my mind'))
    await expect(spawned).rejects.toThrow('changed my mind')
    expectNothingLeft(pool.path)
  })
})

describe('a pool', () => {
  const invalidPool = (options: object) => options as TaskPoolOptions

  test.for([
    { what: 'without a path', options: {}, names: 'path' },
    { what: 'of an empty path', options: { path: '' }, names: 'path' },
    { what: 'of a path with a NUL byte', options: { path: '/tmp/\0' }, names: 'path' },
    { what: 'with an unknown option', options: { path: '/tmp', mkdirIfmissing: true }, names: 'mkdirIfmissing' },
    {
      what: 'with a mode that is none',
      options: { path: '/tmp', mkdirIfMissing: [99_999] },
      names: 'mkdirIfMissing.mode',
    },
    { what: 'with an empty supervisorCmd', options: { path: '/tmp', supervisorCmd: [] }, names: 'supervisorCmd' },
    {
      what: 'with a supervisorEnv of numbers',
      options: { path: '/tmp', supervisorEnv: { A: 1 } },
      names: 'supervisorEnv.A',
    },
    { what: 'with a taskClass that is none', options: { path: '/tmp', taskClass: {} }, names: 'taskClass' },
  ])('$what is an error that names the option', ({ options, names }) => {
    expect(() => new TaskPool(invalidPool(options))).toThrow(expect.objectContaining(option(names)))
  })

  test('a pool with a path of 300 bytes is an error that names it', () => {
    const directory = tempDir()
    const path = join(directory, 'x'.repeat(300 - directory.length - 1))
    expect(() => new TaskPool({ path, mkdirIfMissing: true })).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_PATH_TOO_LONG', message: expect.stringContaining(path) }),
    )
    expect(readdirSync(directory)).toEqual([])
  })
})
