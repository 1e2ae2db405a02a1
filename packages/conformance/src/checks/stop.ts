import assert from 'node:assert/strict'
import { type Check, core, full, should } from '../check.js'
import { howItEnded } from '../client.js'
import { isAlive } from '../processes.js'
import { KILL, SLEEP } from '../spec.js'
import { until } from '../waiting.js'

/** Prints its name when it gets USR1; its child does the same. */
const FAMILY = `
  sh -c 'trap "echo grandchild" USR1; echo up; while :; do sleep 0.05; done' &
  trap 'echo child' USR1; echo up; while :; do sleep 0.05; done`

const TERM_THEN_KILL = [
  { killSignal: 'SIGTERM', waitMs: 200 },
  { killSignal: 'SIGKILL', waitMs: 5_000 },
]

export const stopChecks: readonly Check[] = [
  core('kill signals the child alone, and says whether there was one', 'W-70', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, true)
    assert.doesNotMatch(await client.text(/child\n/), /grandchild/)
    await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, false)
  }),

  full('kill signals the whole tree if it is told to', 'W-71', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1', tree: true })).delivered, true)
    await client.text(/^child\n/m)
    await client.text(/^grandchild\n/m)
  }),

  core(
    'stop goes from step to step, with the group of the child, and wakes who is stopped',
    'W-90 W-92',
    async (bench) => {
      const deaf = await bench.task({
        cmd: 'trap "" TERM; sh -c "echo pid=\\$\\$; while :; do sleep 0.1; done" & wait; sleep 1000',
      })
      const grandchild = await deaf.number('pid')
      const forced = await deaf.call('stop', { steps: TERM_THEN_KILL })
      assert.deepEqual(howItEnded(forced.exitStatus), { exitCode: null, signal: 'SIGKILL', cause: 'stopped' })
      assert.deepEqual(forced.survivors, [])
      assert.ok(!isAlive(grandchild), 'a process of its group is left')
      assert.equal((await deaf.info()).state, 'exited')

      const asleep = await bench.task({ exec: SLEEP })
      await asleep.call('kill', { killSignal: 'SIGSTOP' })
      const { exitStatus } = await asleep.call('stop', {
        steps: [
          { killSignal: 'SIGTERM', waitMs: 5_000 },
          { killSignal: 'SIGKILL', waitMs: 1_000 },
        ],
      })
      assert.equal(exitStatus?.signal, 'SIGTERM', 'what ended a child that had been stopped')
    },
  ),

  core("stop takes the spec's steps where it is given none", 'W-90', async (bench) => {
    const client = await bench.task({ exec: SLEEP, stop: [{ killSignal: 'SIGUSR2', waitMs: 5_000 }] })
    const { exitStatus } = await client.call('stop')
    assert.equal(exitStatus?.signal, 'SIGUSR2')
  }),

  core('after stop the supervisor stays, with the exit status and the output', 'W-94 W-95', async (bench) => {
    const client = await bench.task({ cmd: 'echo said; exit 3' })
    await client.ended()
    for (const round of [1, 2]) {
      const { exitStatus, survivors } = await client.call('stop')
      assert.deepEqual(
        [howItEnded(exitStatus), survivors],
        [{ exitCode: 3, signal: null, cause: 'exit' }, []],
        `round ${round}`,
      )
    }
    assert.equal((await client.whole()).toString(), 'said\n')
  }),

  full('stop ends the whole tree: by session, cookie, parent and pipe', 'W-91', async (bench) => {
    const stay = 'while :; do sleep 0.1; done'
    const client = await bench.task({
      cmd: `
        setsid sh -c 'echo session=$$; ${stay}' &
        setsid sh -c '(echo cookie=$(exec sh -c "echo \\$PPID"); exec < /dev/null; ${stay}) 2> /dev/null & exit 0' &
        env -i /bin/sh -c 'echo parent=$$; ${stay}' < /dev/null 2> /dev/null &
        env -i /usr/bin/setsid /bin/sh -c '/bin/sh -c "echo pipe=\\$\\$; ${stay}" & exit 0' &
        wait`,
    })
    const pids = await Promise.all(
      ['session', 'cookie', 'parent', 'pipe'].map(async (name) => [name, await client.number(name)] as const),
    )
    for (const [, pid] of pids) bench.after(() => killQuietly(pid))
    const { survivors } = await client.call('stop', { steps: TERM_THEN_KILL })
    assert.deepEqual(survivors, [])
    for (const [name, pid] of pids) assert.ok(!isAlive(pid), `a process that is of the tree by ${name} is left`)
  }),

  full('who survives a stop is named', 'W-93', async (bench) => {
    const client = await bench.task({ cmd: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' })
    await client.text(/ready/)
    const { pid } = await client.info()
    const { survivors } = await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 100 }] })
    assert.ok(
      survivors.some((survivor) => survivor.pid === pid),
      `pid ${pid} among ${JSON.stringify(survivors)}`,
    )
    await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  }),

  core('terminate ends the tree, takes the files away, answers, and goes', 'W-100', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const other = await bench.connect((await client.info()).supervisorPid)
    const { supervisorPid, pid } = await client.info()
    const { exitStatus, survivors } = await client.call('terminate')
    assert.deepEqual([howItEnded(exitStatus), survivors], [{ exitCode: null, signal: 'SIGKILL', cause: 'stopped' }, []])
    assert.ok(!isAlive(pid ?? 0), 'the child is left')
    assert.deepEqual(bench.files(), [])
    await client.closedBySupervisor()
    await other.closedBySupervisor()
    await until(() => !isAlive(supervisorPid), 'the supervisor is gone')
  }),

  should(
    full('who follows an output gets its end before the supervisor goes', 'W-101', async (bench) => {
      const client = await bench.task({
        cmd: 'trap "trap \'\' TERM; head -c 100000 /dev/zero; exit 0" TERM; echo; while :; do sleep 0.05; done',
      })
      await client.text(/\n/)
      const follower = await bench.connect((await client.info()).supervisorPid)
      const whole = follower.whole()
      await client.call('terminate', { steps: [{ killSignal: 'SIGTERM', waitMs: 5_000 }] })
      assert.equal((await whole).length, 100_001)
    }),
  ),

  core('terminate works in every state, and for several callers at once', 'W-102', async (bench) => {
    const over = await bench.task({ cmd: 'exit 5' })
    await over.ended()
    assert.equal((await over.call('terminate')).exitStatus?.exitCode, 5)
    const stopped = await bench.task({ exec: SLEEP })
    await stopped.call('stop')
    await stopped.call('terminate')
    // It takes its time to end, so that all of them call meanwhile.
    const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    const paused = await bench.task({ cmd: deaf, stop: [{ killSignal: 'SIGTERM', waitMs: 1_000 }, ...KILL] })
    await paused.text(/ready/)
    await paused.call('kill', { killSignal: 'SIGSTOP' })
    const second = await bench.connect((await paused.info()).supervisorPid)
    const results = await Promise.all([paused, paused, second].map((client) => client.call('terminate')))
    for (const { exitStatus } of results) assert.equal(exitStatus?.cause, 'stopped')
    await bench.nothingLeft('terminate')
  }),
]

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // As it should be.
  }
}
