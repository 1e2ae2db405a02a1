import assert from 'node:assert/strict'
import type { Bench } from '../bench.js'
import { type Check, core, full } from '../check.js'
import { encodeSpec, KILL, makeSpec, SLEEP, sh } from '../spec.js'

/** Supervisors that are started at a time. */
const AT_A_TIME = 4

const STEP = { killSignal: 'SIGKILL', waitMs: 1 }

/** 40,000 characters, 80,000 bytes. */
const LONG = 'ü'.repeat(40_000)

const WRONG_VALUES: readonly Record<string, unknown>[] = [
  { taskId: '../../etc' },
  { taskId: 'ABCDEF0123456789' },
  { taskId: '0'.repeat(65) },
  { exec: [] },
  { exec: [''] },
  { exec: ['/bin/sleep', '1000\0'] },
  { cwd: 'relative' },
  { maxReadBufSize: 0 },
  { overflow: 'maybe' },
  { lockfile: 'relative' },
  { stop: [] },
  { stop: Array.from({ length: 33 }, () => STEP) },
  { stop: [{ ...STEP, waitMs: 2 ** 31 }] },
  { stop: [{ ...STEP, killSignal: 'KILL' }] },
  { restart: { on: 'sometimes' } },
  { restart: { on: 'never', factor: 0 } },
  { restart: { on: 'never', maxRestarts: -1 } },
  { maxRuntimeMs: 0 },
  { maxRuntimeMs: 2 ** 31 },
  { umask: 0o1000 },
  { behavior: 'servant' },
  { meta: [] },
  { meta: { LONG } },
  { env: { A: 1 } },
  { env: { A: 'a\0b' } },
  { access: { mode: 0o1000 } },
  { stdin: 'tty' },
  { poolPath: 'relative' },
]

/** Keys that a careless supervisor could have defaults for. */
const REQUIRED = [
  'umask',
  'meta',
  'maxReadBufSize',
  'overflow',
  'lockfile',
  'stdin',
  'stop',
  'restart',
  'maxRuntimeMs',
  'access',
]

/** What the table of the spec says of each value. */
export const specValueChecks: readonly Check[] = [
  full('a wrong value in the spec fails the launch', 'L-14', (bench) =>
    allFail(
      bench,
      WRONG_VALUES.map((wrong) => [JSON.stringify(wrong).slice(0, 100), { ...makeSpec(bench.path), ...wrong }]),
    ),
  ),

  full('a missing key of the spec fails the launch', 'L-14', (bench) =>
    allFail(
      bench,
      REQUIRED.map((missing) => {
        const { [missing]: _, ...spec } = makeSpec(bench.path) as unknown as Record<string, unknown>
        return [`no ${missing}`, spec]
      }),
    ),
  ),

  core('a program is found in /bin or /usr/bin if env has no PATH', 'L-20', async (bench) => {
    const spec = makeSpec(bench.path, { exec: ['sleep', '1000'] })
    const { PATH: _, ...env } = spec.env
    const launch = bench.start().give(encodeSpec({ ...spec, env }))
    const client = await bench.connect(await launch.ready())
    assert.equal((await client.info()).state, 'running', 'state of a task whose env has no PATH')
  }),

  full('the steps of the spec end a run that lasts too long, each run again', 'W-84', async (bench) => {
    const steps = [{ killSignal: 'SIGUSR1' as const, waitMs: 10_000 }, ...KILL]
    const client = await bench.task({ exec: SLEEP, maxRuntimeMs: 50, stop: steps })
    for (const run of [1, 2]) {
      const { exitStatus } = await client.call('waitExit', { run, waitMs: 10_000 })
      assert.deepEqual(
        [exitStatus?.signal, exitStatus?.cause],
        ['SIGUSR1', 'timeout'],
        `signal and cause of run ${run}`,
      )
      await client.ended()
      if (run === 1) await client.call('restart')
    }
  }),

  full('keys of restart that are missing have their defaults', 'L-14', async (bench) => {
    const changes = { exec: sh('exit 1'), restart: { on: 'failure', delayMs: 0 } }
    const client = await bench.connect(await bench.launch(changes as never).ready())
    const { state, run } = await client.ended()
    assert.deepEqual([state, run], ['failed', 11], 'state and run after the default of 10 restarts')
  }),
]

/** None may get ready, all must exit, and nothing may be left. */
async function allFail(bench: Bench, cases: readonly (readonly [what: string, spec: object])[]): Promise<void> {
  for (let first = 0; first < cases.length; first += AT_A_TIME) {
    const launches = cases
      .slice(first, first + AT_A_TIME)
      .map(([what, spec]) => [what, bench.start().give(encodeSpec(spec))] as const)
    for (const [what, launch] of launches) {
      await launch.stderrEnd()
      assert.equal(launch.readyPid(), undefined, `the pid of a ready line, though the spec had ${what}`)
      await launch.exit()
    }
  }
  await bench.nothingLeft('specs that must fail the launch')
}
