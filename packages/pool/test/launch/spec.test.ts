import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SpawnOptions } from '../../src/index.js'
import { encodeSpec, parseSpawnOptions } from '../../src/launch/spec.js'

const pool = {
  path: '/p',
  access: { mode: 0o600, gid: null, owners: [] },
  spool: null,
  lingerMs: null,
  supervisorEnv: { BGTASK_TASKPOOL_PATH: '/p' },
  command: () => ({ kind: 'custom', argv: ['/s'], detaches: false }) as const,
}
const specOf = (options: object) => parseSpawnOptions(options as SpawnOptions, pool).spec

describe('the spec', () => {
  test('has every default filled in', () => {
    const spec = specOf({ cmd: 'date' })
    expect(spec).toEqual({
      v: 1,
      taskId: expect.stringMatching(/^[0-9a-f]{32}$/),
      exec: ['/bin/sh', '-c', 'date'],
      env: expect.objectContaining({ PATH: process.env.PATH, BGTASK_TASKPOOL_PATH: '/p', BGTASK_COOKIE: spec.taskId }),
      cwd: process.cwd(),
      umask: process.umask(),
      behavior: 'daemon',
      meta: {},
      maxReadBufSize: 16 * 1024 * 1024,
      overflow: 'discard',
      lockfile: null,
      stdin: 'pipe',
      stop: [
        { killSignal: 'SIGTERM', waitMs: 10_000 },
        { killSignal: 'SIGKILL', waitMs: 2_000 },
      ],
      restart: { on: 'never', delayMs: 1_000, maxDelayMs: 60_000, factor: 2, maxRestarts: 10, resetAfterMs: 60_000 },
      maxRuntimeMs: null,
      poolPath: '/p',
      access: pool.access,
      spool: null,
      lingerMs: null,
      keepSpec: true,
      resume: null,
      needs: [],
    })
  })

  test('has absolute paths', () => {
    expect(specOf({ exec: ['a'], cwd: 'sub', lockfile: '../l' })).toMatchObject({
      cwd: resolve('sub'),
      lockfile: resolve('../l'),
    })
  })

  test('knows signals by all their names', () => {
    const steps = ['INT', 'SIGINT', 2].map((killSignal) => ({ killSignal, waitMs: 1 }))
    expect(specOf({ cmd: 'a', stop: steps }).stop.map(({ killSignal }) => killSignal)).toEqual(Array(3).fill('SIGINT'))
  })

  test('carries the environment of the caller as the options change it, without that of an outer task', () => {
    process.env.POOL_TEST_KEPT = 'kept'
    process.env.POOL_TEST_GONE = 'gone'
    process.env.BGTASK_COOKIE = 'outer'
    process.env.BGTASK_SUPERVISOR_PID = '1'
    process.env.BGTASK_LAUNCH = 'outer'
    try {
      const spec = specOf({
        cmd: 'a',
        env: { POOL_TEST_GONE: undefined, MORE: 'more', BGTASK_TASKPOOL_PATH: '/other' },
      })
      expect(spec.env).toMatchObject({
        POOL_TEST_KEPT: 'kept',
        MORE: 'more',
        BGTASK_TASKPOOL_PATH: '/p',
        BGTASK_COOKIE: spec.taskId,
      })
      expect(spec.env).not.toHaveProperty('POOL_TEST_GONE')
      expect(spec.env).not.toHaveProperty('BGTASK_SUPERVISOR_PID')
      expect(spec.env).not.toHaveProperty('BGTASK_LAUNCH')
    } finally {
      for (const name of [
        'POOL_TEST_KEPT',
        'POOL_TEST_GONE',
        'BGTASK_COOKIE',
        'BGTASK_SUPERVISOR_PID',
        'BGTASK_LAUNCH',
      ]) {
        delete process.env[name]
      }
    }
  })

  test('that no kernel could run is a command that is too long', () => {
    const spec = specOf({ exec: ['echo', 'x'.repeat(9 * 1024 * 1024)] })
    expect(() => encodeSpec(spec)).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_COMMAND', command: 'echo', reason: 'too-long' }),
    )
  })

  test('may have more arguments than a message on the wire has elements', () => {
    expect(encodeSpec(specOf({ exec: Array(100_000).fill('x') })).length).toBeGreaterThan(200_000)
  })
})

describe('what is refused, by the name of the option', () => {
  class Custom {}
  const rows: [title: string, options: unknown, option: string][] = [
    ['nothing to run', {}, 'cmd'],
    ['both of cmd and exec', { cmd: 'a', exec: ['a'] }, 'cmd'],
    ['no options', undefined, 'options'],
    ['an empty cmd', { cmd: ' ' }, 'cmd'],
    ['a cmd that is an argv', { cmd: ['a'] }, 'cmd'],
    ['a NUL byte in cmd', { cmd: 'a\0b' }, 'cmd'],
    ['an empty argv', { exec: [] }, 'exec'],
    ['an argv without a program', { exec: ['', 'a'] }, 'exec'],
    ['a number in argv', { exec: ['a', 1] }, 'exec.1'],
    ['a NUL byte in argv', { exec: ['a', 'b\0'] }, 'exec.1'],
    ['an exec that is a string', { exec: 'a b' }, 'exec'],
    ['an unknown option', { cmd: 'a', lockFile: '/x' }, 'lockFile'],
    ['an unknown behavior', { cmd: 'a', behavior: 'demon' }, 'behavior'],
    ['meta that is no object', { cmd: 'a', meta: 'x' }, 'meta'],
    ['meta with a function', { cmd: 'a', meta: { f() {} } }, 'meta'],
    ['meta with a Date', { cmd: 'a', meta: { at: new Date() } }, 'meta'],
    ['meta with undefined', { cmd: 'a', meta: { u: undefined } }, 'meta'],
    ['meta with a hole', { cmd: 'a', meta: { list: Array(2) } }, 'meta'],
    ['meta with NaN', { cmd: 'a', meta: { n: Number.NaN } }, 'meta'],
    ['meta of a class', { cmd: 'a', meta: new Custom() }, 'meta'],
    ['meta above 64 KiB', { cmd: 'a', meta: { x: 'x'.repeat(65_537) } }, 'meta'],
    ['env that is no object', { cmd: 'a', env: ['a=b'] }, 'env'],
    ['a number in env', { cmd: 'a', env: { A: 1 } }, 'env.A'],
    ['null in env', { cmd: 'a', env: { A: null } }, 'env.A'],
    ['a NUL byte in env', { cmd: 'a', env: { A: 'secret\0' } }, 'env.A'],
    ['a name with "=" in env', { cmd: 'a', env: { 'A=B': 'x' } }, 'env'],
    ['an empty name in env', { cmd: 'a', env: { '': 'x' } }, 'env'],
    ['an empty cwd', { cmd: 'a', cwd: '' }, 'cwd'],
    ['a NUL byte in cwd', { cmd: 'a', cwd: '/a\0' }, 'cwd'],
    ['a lockfile that is no path', { cmd: 'a', lockfile: 3 }, 'lockfile'],
    ['a buffer of no size', { cmd: 'a', maxReadBufSize: 0 }, 'maxReadBufSize'],
    ['a buffer of half a byte', { cmd: 'a', maxReadBufSize: 1.5 }, 'maxReadBufSize'],
    ['an unknown overflow', { cmd: 'a', overflow: 'drop' }, 'overflow'],
    ['an unknown stdin', { cmd: 'a', stdin: 'inherit' }, 'stdin'],
    ['a stop without steps', { cmd: 'a', stop: [] }, 'stop'],
    ['a stop that is no list', { cmd: 'a', stop: 'TERM' }, 'stop'],
    ['a step that is no object', { cmd: 'a', stop: [null] }, 'stop.0'],
    ['a step with an unknown signal', { cmd: 'a', stop: [{ killSignal: 'SIGFOO', waitMs: 1 }] }, 'stop.0.killSignal'],
    ['a step with an unknown key', { cmd: 'a', stop: [{ killSignal: 'INT', waitMs: 1, wait: 2 }] }, 'stop.0.wait'],
    ['a step without a time', { cmd: 'a', stop: [{ killSignal: 'INT' }] }, 'stop.0.waitMs'],
    ['an unknown restart', { cmd: 'a', restart: { on: 'sometimes' } }, 'restart.on'],
    ['a restart with an unknown key', { cmd: 'a', restart: { on: 'always', delay: 1 } }, 'restart.delay'],
    ['a delay above what timers take', { cmd: 'a', restart: { on: 'always', delayMs: 2 ** 31 } }, 'restart.delayMs'],
    ['a run time of 0', { cmd: 'a', maxRuntimeMs: 0 }, 'maxRuntimeMs'],
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5'].map((launchTimeoutMs): [string, unknown, string] => [
      `a launch of ${launchTimeoutMs} ms`,
      { cmd: 'a', launchTimeoutMs },
      'launchTimeoutMs',
    ]),
    ['a signal that is the name of one', { cmd: 'a', signal: 'SIGINT' }, 'signal'],
  ]
  test.each(rows)('%s', (_, options, option) => {
    expect(() => specOf(options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option }),
    )
  })

  test('without telling the value of a variable', () => {
    expect(() => specOf({ cmd: 'a', env: { TOKEN: 'secret\0' } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })
})
