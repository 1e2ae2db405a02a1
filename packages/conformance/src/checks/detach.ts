import assert from 'node:assert/strict'
import { readProcessStat } from '@bgtask/os'
import { type Check, full } from '../check.js'
import { failsToLaunch } from '../failing-launch.js'
import { needsFeature } from '../needs-feature.js'
import { isIdle } from '../processes.js'
import { encodeSpec, makeSpec } from '../spec.js'

const BEHAVIORS = ['daemon', 'background'] as const

/** The feature `detach`. */
export const detachChecks: readonly Check[] = [
  full('a supervisor that detaches itself continues as another process', 'L-44', async (bench) => {
    await needsFeature(bench, 'detach')
    for (const behavior of BEHAVIORS) {
      const launch = bench.start({ behavior, detaches: true }).give(encodeSpec(makeSpec(bench.path, { behavior })))
      const exit = await launch.exit()
      const pid = await launch.ready()
      const started = launch.process.pid as number
      assert.deepEqual(exit, { code: 0, signal: null }, 'exit of the process that was started')
      assert.equal(launch.stderr, `DAEMON_PID=${pid}\n`, 'stderr of a launch that succeeded')
      assert.equal(launch.stdout, '', 'stdout of the process that was started')
      assert.notEqual(pid, started, 'the pid of the ready line, which must not be that of the process that was started')
      const own = behavior === 'daemon' ? pid : readProcessStat(process.pid)?.session
      const { session, ppid } = readProcessStat(pid) ?? {}
      assert.equal(session, own, `session of a supervisor of behavior ${behavior}`)
      assert.ok(ppid !== process.pid && ppid !== started, `parent ${ppid} of the supervisor`)
      assert.equal((await (await bench.connect(pid)).info()).supervisorPid, pid, 'supervisorPid')
    }
  }),

  full('a supervisor that detaches itself does not fork before stdin ends', 'L-44', async (bench) => {
    await needsFeature(bench, 'detach')
    const before = new Set(bench.processes())
    const launch = bench.start({ detaches: true })
    const started = launch.process.pid as number
    const whole = encodeSpec(makeSpec(bench.path))
    launch.process.stdin?.write(whole)
    await isIdle(started)
    const processes = bench.processes().filter((pid) => !before.has(pid))
    assert.deepEqual(processes, [started], 'processes of the launch before stdin ended')
    launch.process.stdin?.end()
    await launch.ready()
  }),

  full('a supervisor that detaches itself leaves nothing if the launch fails', 'L-44 L-36', async (bench) => {
    await needsFeature(bench, 'detach')
    const launch = bench.launch({ exec: ['no-such-program-anywhere'] }, { detaches: true })
    assert.deepEqual(await launch.exit(), { code: 0, signal: null }, 'exit of the process that was started')
    await failsToLaunch(bench, launch, 'a program that does not exist')
  }),
]
