import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readProcessStat } from '@bgtask/os'
import { isAlive } from '../processes.js'
import { until } from '../waiting.js'
import { type ClientCheck, client } from './check.js'

/** What a task finds in its environment; a task that is started inside it must not inherit them. */
const OUTER = [
  'BGTASK_SUPERVISOR_PID',
  'BGTASK_COOKIE',
  'BGTASK_LAUNCH',
  'BGTASK_STANDBY',
  'BGTASK_DETACH',
  'BGTASK_FDS',
]

const KEYS = [
  'v',
  'taskId',
  'exec',
  'env',
  'cwd',
  'umask',
  'behavior',
  'meta',
  'maxReadBufSize',
  'overflow',
  'lockfile',
  'stdin',
  'stop',
  'restart',
  'maxRuntimeMs',
  'poolPath',
  'access',
]

export const launcherChecks: readonly ClientCheck[] = [
  client('the launcher writes one spec with all keys, and closes stdin', 'L-1', async (bench) => {
    const { driven, report } = bench.spawn('plain')
    const { spec, env, pid } = await report()
    if (typeof spec === 'string') throw new Error(`stdin of the supervisor: ${spec}`)
    assert.deepEqual(
      KEYS.filter((key) => !(key in spec)),
      [],
      'keys that the spec lacks',
    )
    assert.equal(spec.poolPath, bench.path, 'poolPath')
    assert.match(String(spec.taskId), /^[0-9a-f]{16,64}$/, 'taskId')
    const child = spec.env as Record<string, string>
    assert.equal(child.BGTASK_COOKIE, spec.taskId, "BGTASK_COOKIE of the child's environment")
    assert.equal(env.BGTASK_TASKPOOL_PATH, bench.path, "BGTASK_TASKPOOL_PATH of the supervisor's environment")
    const { code, stdout, stderr } = await driven
    assert.deepEqual([code, stdout.trim()], [0, String(pid)], `exit code and output of spawn: ${stderr}`)
  }),

  client('the launcher detaches as the behavior requires', 'L-2', async (bench) => {
    for (const behavior of ['daemon', 'background'] as const) {
      const { driven, report } = bench.spawn('plain', { behavior })
      const { env, session, pid } = await report()
      assert.equal(env.BGTASK_BEHAVIOR, behavior, 'BGTASK_BEHAVIOR')
      const own = readProcessStat(process.pid)?.session
      if (behavior === 'background') assert.equal(session, own, 'session of a supervisor in the background')
      else assert.notEqual(session, own, 'session of a daemon')
      await driven
      assert.ok(isAlive(pid), 'the supervisor outlives its launcher')
    }
  }),

  client('variables of an outer task reach neither supervisor nor child', 'L-3', async (bench) => {
    const outer = Object.fromEntries(OUTER.map((name) => [name, 'outer']))
    const { driven, report } = bench.spawn('plain', { env: { ...outer, BGTASK_TASKPOOL_PATH: '/outer' } })
    const { env, spec } = await report()
    const child = typeof spec === 'string' ? {} : (spec.env as Record<string, string>)
    const left = OUTER.filter((name) => env[name] === 'outer' || child[name] === 'outer')
    assert.deepEqual(left, [], 'variables of the outer task that were passed on')
    assert.equal(child.BGTASK_TASKPOOL_PATH, bench.path, "BGTASK_TASKPOOL_PATH of the child's environment")
    await driven
  }),

  client('a launch that takes too long is abandoned, and stderr is closed', 'L-4', async (bench) => {
    const { driven, report, file } = bench.spawn('silent', { timeoutMs: 1_000 })
    const { pid } = await report()
    assert.notEqual((await driven).code, 0, 'exit code of spawn')
    // The launcher may have ended the supervisor as well.
    await until(() => existsSync(`${file}.closed`) || !isAlive(pid), 'the end of stderr')
  }),

  client("a failed launch is reported with the supervisor's message", 'L-4', async (bench) => {
    const { code, stderr } = await bench.spawn('fails').driven
    assert.notEqual(code, 0, 'exit code of spawn')
    assert.match(stderr, /the scripted reason/, 'stderr of spawn')
  }),

  client('the launcher ignores unknown lines', 'L-5', async (bench) => {
    const { driven, report } = bench.spawn('chatty')
    const { pid } = await report()
    const { code, stdout, stderr } = await driven
    assert.deepEqual([code, stdout.trim()], [0, String(pid)], `exit code and output of spawn: ${stderr}`)
  }),
]
