import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readProcessStat } from '@bgtask/os'
import type { Bench } from '../bench.js'
import { type Check, core, full, Skipped } from '../check.js'
import { type Client, howItEnded } from '../client.js'
import { isAlive } from '../processes.js'
import { KILL, SLEEP } from '../spec.js'
import { until, within } from '../waiting.js'

/** Prints its name when it gets USR1; its child does the same. */
const FAMILY = `
  sh -c 'trap "echo grandchild" USR1; trap "echo asked" USR2; echo pid=$$; echo up; while :; do sleep 0.05; done' &
  trap 'echo child' USR1; echo up; while :; do sleep 0.05; done`

/** A script that does nothing until it is killed. */
const STAY = 'while :; do sleep 0.1; done'

const TERM_THEN_KILL = [
  { killSignal: 'SIGTERM', waitMs: 200 },
  { killSignal: 'SIGKILL', waitMs: 5_000 },
]

export const stopChecks: readonly Check[] = [
  core('kill signals only the child, and reports whether there was one', 'W-70', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    const grandchild = await client.number('pid')
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, true)
    await client.text(/child\n/)
    // A shell runs its traps in the order of the signals' numbers, so SIGUSR1 would show before this.
    process.kill(grandchild, 'SIGUSR2')
    assert.doesNotMatch(await client.text(/asked\n/), /grandchild/)
    await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1' })).delivered, false)
  }),

  core('kill does not signal the process group of the child', 'W-70', async (bench) => {
    const client = await bench.task({
      cmd: 'sleep 1000 & echo pid=$!; trap "echo got" USR1; while :; do sleep 0.05; done',
    })
    const member = await client.number('pid')
    await client.call('kill', { killSignal: 'SIGUSR1' })
    await client.text(/got/)
    assert.ok(isAlive(member), 'a process in the group of the child got SIGUSR1, too')
    await client.call('stop', { steps: KILL })
  }),

  full('a process that appears during a step gets its signal', 'W-91', async (bench) => {
    const file = bench.beside('new')
    // Without its handler: a process that is forked with it could lose the signal before it has become sleep.
    const client = await bench.task({
      cmd: `trap 'trap - TERM; setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $! > ${file}; exit' TERM; echo up; while :; do sleep 0.05; done`,
    })
    await client.text(/up/)
    const { survivors } = await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 10_000 }] })
    assert.deepEqual(survivors, [], 'survivors of a step of 10 s')
    assert.ok(!isAlive(Number(readFileSync(file, 'utf8'))), 'a process that was started during the step is left')
  }),

  full('kill with tree signals the whole tree', 'W-71', async (bench) => {
    const client = await bench.task({ cmd: FAMILY })
    await client.text(/up\n[\s\S]*up\n/)
    assert.equal((await client.call('kill', { killSignal: 'SIGUSR1', tree: true })).delivered, true)
    await client.text(/^child\n/m)
    await client.text(/^grandchild\n/m)
  }),

  core(
    "stop executes its steps on the child's process group, and continues stopped processes",
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

  core('stop without steps uses those of the spec', 'W-90', async (bench) => {
    const client = await bench.task({ exec: SLEEP, stop: [{ killSignal: 'SIGUSR2', waitMs: 5_000 }] })
    const { exitStatus } = await client.call('stop')
    assert.equal(exitStatus?.signal, 'SIGUSR2')
  }),

  core('after stop the supervisor continues, with the exit status and the output', 'W-94 W-95', async (bench) => {
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
    const client = await bench.task({
      cmd: `
        setsid sh -c 'echo session=$$; ${STAY}' &
        setsid sh -c '(echo cookie=$(exec sh -c "echo \\$PPID"); exec < /dev/null; ${STAY}) 2> /dev/null & exit 0' &
        env -i /bin/sh -c 'echo parent=$$; ${STAY}' < /dev/null 2> /dev/null &
        env -i /usr/bin/setsid /bin/sh -c '/bin/sh -c "echo pipe=\\$\\$; ${STAY}" & exit 0' &
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

  full('stop lists its survivors', 'W-93', async (bench) => {
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

  full(
    'a process of the tree stays part of it in a later stop, even if its parent has ended',
    'W-200',
    async (bench) => {
      // Its parent alone connects it with the task.
      const deaf = `trap "" TERM; echo pid=$$; exec < /dev/null > /dev/null 2>&1; ${STAY}`
      const client = await bench.task({ cmd: `env -i /usr/bin/setsid /bin/sh -c '${deaf}' & wait` })
      const pid = await client.number('pid')
      bench.after(() => killQuietly(pid))
      const first = await client.call('stop', { steps: TERM_THEN_KILL.slice(0, 1) })
      assert.ok(
        first.survivors.some((survivor) => survivor.pid === pid),
        `pid ${pid} among ${JSON.stringify(first.survivors)}`,
      )
      const { survivors } = await client.call('stop', { steps: TERM_THEN_KILL })
      assert.deepEqual(survivors, [])
      assert.ok(!isAlive(pid), 'a process that the first stop had found is left')
    },
  ),

  full('of many survivors 100 are listed, the child first, and the others counted', 'W-202', async (bench) => {
    const family = `trap "" TERM; for i in $(seq 120); do sleep 1000 & done; echo ready; wait; ${STAY}`
    const client = await bench.task({ exec: ['/bin/sh', '-c', family, 'sh', 'x'.repeat(20_000)] })
    await client.text(/ready/)
    const { pid } = await client.info()
    const { survivors, moreSurvivors } = await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 50 }] })
    assert.deepEqual(
      { named: survivors.length, first: survivors[0]?.pid, moreSurvivors },
      { named: 100, first: pid, moreSurvivors: 21 },
    )
    for (const { command } of survivors) assert.ok(command.length <= 201, `a command of ${command.length} characters`)
    await client.call('kill', { killSignal: 'SIGKILL' })
    await client.ended()
    const again = await client.call('stop', { steps: [{ killSignal: 'SIGCONT', waitMs: 50 }] })
    const { exitStatus } = await client.info()
    for (const [what, left] of Object.entries({ stop: again, exitStatus }))
      assert.deepEqual(
        [left?.survivors?.length, left?.moreSurvivors],
        [100, 20],
        `survivors and moreSurvivors of ${what}`,
      )
    await client.call('stop', { steps: KILL })
  }),

  full('a child with an ended main thread and another running thread is stopped', 'D-50', async (bench) => {
    const { client, pid } = await taskWithoutMainThread(bench)
    const { exitStatus, survivors } = await client.call('stop', { steps: KILL })
    assert.deepEqual(survivors, [])
    assert.equal(exitStatus?.signal, 'SIGKILL')
    assert.ok(!isAlive(pid), 'its other thread is left')
  }),

  full('a child whose main thread has ended is paused if its others are stopped', 'W-55', async (bench) => {
    const { client } = await taskWithoutMainThread(bench)
    await client.call('kill', { killSignal: 'SIGSTOP' })
    await until(async () => (await client.info()).state === 'paused', 'state paused')
    await client.call('kill', { killSignal: 'SIGCONT' })
    await until(async () => (await client.info()).state === 'running', 'state running')
  }),

  full('a child that a debugger holds is a survivor, and stop answers', 'W-203', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { pid } = await client.info()
    const release = await hold(bench, pid ?? 0)
    const { survivors } = await client.call('stop', { steps: [{ killSignal: 'SIGKILL', waitMs: 100 }] })
    assert.equal(survivors[0]?.pid, pid)
    release()
    assert.equal((await client.ended()).exitStatus?.signal, 'SIGKILL')
  }),

  core('terminate ends the tree, removes the files, answers, and ends the supervisor', 'W-100', async (bench) => {
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

/** A task whose child has ended its main thread, while another one sleeps. */
async function taskWithoutMainThread(bench: Bench): Promise<{ client: Client; pid: number }> {
  const program = `
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
print("pid=%d" % os.getpid(), flush=True)
ctypes.CDLL(None).pthread_exit(None)`
  const client = await bench.task({ exec: [python('to end a main thread'), '-c', program] })
  const pid = await client.number('pid')
  bench.after(() => killQuietly(pid))
  await until(() => readProcessStat(pid)?.state === 'Z', 'its main thread has ended')
  return { client, pid }
}

/** Holds a process as a debugger does, so that its exit is not reported to its parent until the returned function is called. */
async function hold(bench: Bench, pid: number): Promise<() => void> {
  const program = `
import ctypes, sys, time
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
PTRACE_SEIZE = 0x4206
sys.stdout.write("held\\n" if ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0) == 0 else "refused\\n")
sys.stdout.flush()
time.sleep(1000)`
  const argv = ['-c', program, String(pid)]
  const holder = spawn(python('to hold a process as a debugger does'), argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const release = () => void holder.kill('SIGKILL')
  bench.after(release)
  const [said] = await within(once(holder.stdout, 'data'), 'the debugger has started')
  if (String(said) !== 'held\n') throw new Skipped('needs leave to hold a process as a debugger does')
  return release
}

function python(purpose: string): string {
  const found = ['/usr/bin/python3', 'python3'].find((path) => spawnSync(path, ['-c', 'import ctypes']).status === 0)
  if (found === undefined) throw new Skipped(`needs python3 ${purpose}`)
  return found
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // As it should be.
  }
}
