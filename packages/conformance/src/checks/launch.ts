import assert from 'node:assert/strict'
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readProcessStat } from '@bgtask/os'
import { isBgTaskError } from '@bgtask/protocol'
import type { Bench } from '../bench.js'
import { type Check, core, full, should } from '../check.js'
import { failsToLaunch } from '../failing-launch.js'
import { Launch } from '../launch.js'
import { descriptorOf, descriptorsOf, isAlive } from '../processes.js'
import { encodeSpec, makeSpec, SLEEP, sh } from '../spec.js'
import { until } from '../waiting.js'

/** A shell that makes stdin a pipe, as other launchers do. */
const THROUGH_A_PIPE = ['/bin/sh', '-c', 'cat | "$@"', 'sh']

const spec: Check[] = [
  core('a spec may come from a socket, a pipe or a file, and in pieces', 'L-10', async (bench) => {
    // More than any pipe holds, so that it cannot come at once.
    const meta = { text: 'ü'.repeat(30_000) }
    const exec = [
      '/bin/sh',
      '-c',
      'echo $# ; exec sleep 1000',
      'sh',
      ...Array.from({ length: 4_000 }, () => 'x'.repeat(100)),
    ]
    const bytes = () => encodeSpec(makeSpec(bench.path, { exec, meta }))
    const file = bench.beside('spec')
    writeFileSync(file, bytes())
    const inPieces = bench.start()
    const whole = bytes()
    inPieces.process.stdin?.write(whole.subarray(0, 10))
    inPieces.process.stdin?.write(whole.subarray(10, 70_000))
    inPieces.give(whole.subarray(70_000))
    const launches = {
      'a socket, in pieces': inPieces,
      'a pipe': bench.start({ before: THROUGH_A_PIPE }).give(bytes()),
      'a file': bench.start({ stdin: openSync(file, 'r') }),
    }
    for (const [kind, launch] of Object.entries(launches)) {
      const client = await bench.connect(await launch.ready())
      assert.deepEqual((await client.info()).meta, meta, `meta of the spec that came by ${kind}`)
      await client.text(/^4000\n/)
    }
  }),

  core(
    'a supervisor creates nothing before its spec arrives, and exits if stdin ends without one',
    'L-11 L-51',
    async (bench) => {
      const launch = bench.start()
      const pid = launch.process.pid as number
      // Asleep; or gone, which is checked below.
      await until(() => /[SZ]/.test(readProcessStat(pid)?.state ?? 'Z'), 'it waits for its spec')
      assert.deepEqual(bench.files(), [], 'files made before there is a spec')
      launch.give(Buffer.alloc(0))
      assert.deepEqual(await launch.exit(), { code: 0, signal: null })
      assert.equal(launch.readyPid(), undefined, 'the pid of a ready line')
      await bench.nothingLeft('a launch without spec')
    },
  ),

  core('unknown keys of the spec are ignored', 'L-12', async (bench) => {
    await bench.launch({ futureOption: { deep: [1] } }).ready()
  }),

  core('a spec of an unknown version, or bytes that are no spec, fail the launch', 'L-13', async (bench) => {
    await failsToLaunch(bench, bench.launch({ v: 2 as never }), 'a spec of version 2')
    await failsToLaunch(bench, bench.start().give(encodeSpec([1, 2])), 'an array')
    await failsToLaunch(bench, bench.start().give(Buffer.from('c1c1', 'hex')), 'what is no MessagePack')
    const cut = encodeSpec(makeSpec(bench.path)).subarray(0, 100)
    await failsToLaunch(bench, bench.start().give(cut), 'a spec that ends in the middle')
  }),

  should(
    full('the launch error names the wrong value in the spec', 'L-14', async (bench) => {
      const launch = bench.launch({ maxReadBufSize: -1 })
      await failsToLaunch(bench, launch, 'a wrong value')
      assert.match(launch.stderr, /^BGTASK_ERROR=.*"ERR_BGTASK_INVALID_OPTION".*maxReadBufSize/m)
    }),
  ),

  core('the launch fails if the spec needs a missing feature, and the error names it', 'L-16', async (bench) => {
    const launch = bench.launch({ needs: ['acme/one', 'acme/two'] })
    await failsToLaunch(bench, launch, 'a spec that needs unknown features')
    const [, json = 'null'] = /^BGTASK_ERROR=(.*)$/m.exec(launch.stderr) ?? []
    const { code, data } = JSON.parse(json) ?? {}
    assert.deepEqual(
      { code, features: data?.features },
      { code: 'ERR_BGTASK_UNSUPPORTED', features: ['acme/one', 'acme/two'] },
    )
  }),

  core('__proto__, constructor and toString are ordinary keys in env and meta', 'L-18', async (bench) => {
    const names = ['__proto__', 'constructor', 'toString']
    const inner = Object.fromEntries(names.map((name) => [name, name.length]))
    const meta = Object.fromEntries(names.map((name) => [name, inner]))
    const env = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
    const client = await bench.connect(await bench.launch({ exec: ['/usr/bin/env'], env, meta }).ready())
    const lines = (await client.whole()).toString().split('\n')
    for (const name of names) assert.ok(lines.includes(`${name}=value of ${name}`), `${name} among ${lines}`)
    assert.equal(JSON.stringify((await client.info()).meta), JSON.stringify(meta))
  }),

  core('each option of the spec is honoured, or fails the launch', 'L-15', async (bench) => {
    const restart = { on: 'always', delayMs: 0, maxDelayMs: 0, factor: 1, maxRestarts: 3, resetAfterMs: 1_000 } as const
    const lockfile = bench.beside('lock')
    const asked: [what: string, changes: Parameters<Bench['launch']>[0], done: (pid: number) => Promise<unknown>][] = [
      ['restart', { exec: sh('exit 1'), restart }, async (pid) => (await infoOf(bench, pid)).run > 1],
      ['maxRuntimeMs', { maxRuntimeMs: 50 }, async (pid) => (await infoOf(bench, pid)).exitStatus?.cause === 'timeout'],
      [
        'lockfile',
        { lockfile },
        () =>
          bench
            .launch({ lockfile })
            .ready()
            .then(
              () => false,
              () => true,
            ),
      ],
      [
        'overflow',
        { exec: sh('seq 1 100000'), maxReadBufSize: 1_000, overflow: 'block' },
        async (pid) => (await infoOf(bench, pid)).streams[1].firstOffset === 0,
      ],
    ]
    for (const [what, changes, done] of asked) {
      const launch = bench.launch(changes)
      const pid = await launch.ready().catch(() => undefined)
      if (pid === undefined) await bench.nothingLeft(`a launch that failed because of ${what}`)
      else await until(() => done(pid), `${what} is honoured`)
      for (const left of bench.processes()) process.kill(left, 'SIGKILL')
      await until(() => bench.processes().length === 0, 'the end of it')
      for (const file of bench.files()) rmSync(join(bench.path, file))
    }
  }),
]

const child: Check[] = [
  core('the program is found in the PATH of env, and gets its arguments unchanged', 'L-20', async (bench) => {
    mkdirSync(bench.beside('bin'))
    symlinkSync('/usr/bin/printf', bench.beside('bin/say'))
    const exec = ['say', '%s|', 'a b', '$HOME', '*', '', "'"]
    const client = await bench.connect(await bench.launch({ exec, env: { PATH: bench.beside('bin') } }).ready())
    assert.equal((await client.whole()).toString(), "a b|$HOME|*||'|")
  }),

  core("the child's environment is env and BGTASK_SUPERVISOR_PID, and nothing else", 'L-21', async (bench) => {
    const changes = { taskId: '0123456789abcdef', env: { ODD: 'a=b\nc', EMPTY: '' } }
    const pid = await bench.launch({ ...changes, exec: ['/bin/cat', '/proc/self/environ'] }).ready()
    const client = await bench.connect(pid)
    const env = Object.entries(makeSpec(bench.path, changes).env).map(([name, value]) => `${name}=${value}`)
    const got = (await client.whole()).toString().split('\0').filter(Boolean)
    assert.deepEqual(got.sort(), [...env, `BGTASK_SUPERVISOR_PID=${pid}`].sort())
  }),

  core('the child has the cwd and the umask of the spec', 'L-22', async (bench) => {
    mkdirSync(bench.beside('work'))
    const exec = sh('pwd; umask')
    const client = await bench.connect(await bench.launch({ exec, cwd: bench.beside('work'), umask: 0o037 }).ready())
    assert.equal((await client.whole()).toString(), `${bench.beside('work')}\n0037\n`)
  }),

  core('the child leads a session of its own', 'L-23', async (bench) => {
    const { pid } = await (await bench.task({ exec: SLEEP })).info()
    assert.ok(pid !== null)
    const { session, pgrp } = readProcessStat(pid) ?? {}
    assert.deepEqual({ session, pgrp }, { session: pid, pgrp: pid })
  }),

  core('stdin is /dev/null if the spec says so', 'L-24', async (bench) => {
    const { pid } = await (await bench.task({ exec: SLEEP, stdin: 'null' })).info()
    assert.equal(descriptorOf(pid ?? 0, 0), '/dev/null')
  }),

  full('stdin stays open until it is closed', 'L-25', async (bench) => {
    const client = await bench.task({ cmd: 'cat; echo end' })
    const { data, eof } = await client.call('readStream', { streamId: 1, waitMs: 200 })
    assert.deepEqual({ text: Buffer.from(data).toString(), eof }, { text: '', eof: false })
    await client.call('closeStream', { streamId: 0 })
    assert.equal((await client.whole()).toString(), 'end\n')
  }),

  core('the child inherits only stdin, stdout and stderr', 'L-26', async (bench) => {
    const leaked = openSync(bench.beside('leaked'), 'w')
    const launch = bench.launch(
      {},
      { leaked: [leaked, leaked, leaked, leaked, leaked, leaked, leaked, leaked, leaked] },
    )
    const { pid } = await (await bench.connect(await launch.ready())).info()
    assert.deepEqual(descriptorsOf(pid ?? 0), [0, 1, 2])
  }),

  full("info names the type of the child's stdio", 'L-27', async (bench) => {
    const { pid, stdio } = await (await bench.task({ exec: SLEEP })).info()
    const kinds = [0, 1, 2].map((fd) => descriptorOf(pid ?? 0, fd).split(':')[0])
    assert.deepEqual(kinds, [stdio, stdio, stdio])
  }),

  should(
    full("the child's stdio are pipes, and can be opened by name", 'L-27', async (bench) => {
      const client = await bench.task({ cmd: 'echo out > /dev/stdout; echo err > /dev/stderr', stdin: 'pipe' })
      assert.equal((await client.whole(1)).toString(), 'out\n')
      assert.equal((await client.whole(2)).toString(), 'err\n')
    }),
  ),

  should(
    full('the child outlives a supervisor that is killed', 'L-28', async (bench) => {
      const file = bench.beside('alive')
      const client = await bench.task({ cmd: `while sleep 0.02; do echo said; echo >> ${file}; done` })
      await client.text(/said/)
      const { supervisorPid, pid } = await client.info()
      process.kill(supervisorPid, 'SIGKILL')
      await until(() => !isAlive(supervisorPid), 'the supervisor is dead')
      const lines = () => readFileSync(file).length
      const before = lines()
      await until(() => lines() > before + 2, 'the child writes on')
      assert.ok(isAlive(pid ?? 0))
    }),
  ),

  full('the child does not inherit ignored or blocked signals', 'L-29', async (bench) => {
    const before = ['/bin/sh', '-c', 'trap "" HUP INT QUIT USR2 PIPE; exec "$@"', 'sh']
    const { pid } = await (await bench.connect(await bench.launch({}, { before }).ready())).info()
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const masks = status.match(/^Sig(Blk|Ign):.*$/gm)
    assert.deepEqual(masks, ['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000'])
  }),
]

const ready: Check[] = [
  core('at the ready line the task can be reached, and its program was started', 'L-30 L-31', async (bench) => {
    const launch = bench.launch({ exec: ['/bin/sleep', '1001'] })
    const pid = await launch.ready()
    const client = await bench.connect(pid).catch((error) => {
      throw new Error(`it said DAEMON_PID=${pid}, but: ${error.message}`)
    })
    const info = await client.info()
    assert.equal(info.supervisorPid, pid)
    assert.equal(readFileSync(`/proc/${info.pid}/cmdline`, 'utf8'), '/bin/sleep\x001001\0')
  }),

  core("after the ready line the launcher's stderr is closed", 'L-32', async (bench) => {
    for (const behavior of ['daemon', 'background'] as const) {
      const launch = bench.launch({}, { behavior })
      const client = await bench.connect(await launch.ready())
      await launch.stderrEnd()
      assert.equal((await client.info()).state, 'running')
    }
  }),

  core("after the ready line nothing is written to the launcher's stdout and stderr", 'L-33', async (bench) => {
    const launch = bench.launch({ exec: sh('echo out; echo err >&2') })
    const client = await bench.connect(await launch.ready())
    await client.ended()
    await client.call('terminate')
    await client.closedBySupervisor()
    assert.deepEqual([launch.stdout, launch.stderr.replace(/.*^DAEMON_PID=\d+\n/ms, '')], ['', ''])
  }),

  core('a program that cannot be started fails the launch, and leaves nothing', 'L-34 L-36', async (bench) => {
    writeFileSync(bench.beside('plain'), 'no program')
    await failsToLaunch(bench, bench.launch({ exec: ['no-such-program-anywhere'] }), 'a program that is not there')
    await failsToLaunch(bench, bench.launch({ exec: [bench.beside('plain')] }), 'a file that is no program')
    await failsToLaunch(bench, bench.launch({ cwd: bench.beside('nowhere') }), 'a working directory that is not there')
  }),

  should(
    core('a failed launch reports the reason', 'L-34', async (bench) => {
      const launch = bench.launch({ exec: ['no-such-program-anywhere'] })
      await failsToLaunch(bench, launch, 'a program that is not there')
      assert.match(launch.stderr, /no-such-program-anywhere/)
    }),
  ),

  should(
    full('a failed launch reports a typed error', 'L-35', async (bench) => {
      writeFileSync(bench.beside('plain'), 'no program')
      const cases = [
        [{ exec: ['no-such-program-anywhere'] }, 'not-found'],
        [{ exec: [bench.beside('plain')] }, 'not-executable'],
        [{ exec: SLEEP, cwd: bench.beside('nowhere') }, 'bad-cwd'],
      ] as const
      for (const [options, reason] of cases) {
        const error = await bench.spawn(options).then(
          () => undefined,
          (failure: unknown) => failure,
        )
        assert.ok(isBgTaskError(error, 'ERR_BGTASK_COMMAND'), `${JSON.stringify(options)} gave ${error}`)
        assert.equal(error.reason, reason)
      }
    }),
  ),

  core('a launch is undone if its launcher no longer reads', 'L-37', async (bench) => {
    const launch = bench.start()
    launch.process.stderr?.destroy()
    const file = bench.beside('child')
    launch.give(encodeSpec(makeSpec(bench.path, { exec: sh(`echo $$ > ${file}; exec sleep 1000`) })))
    await launch.exit()
    await bench.nothingLeft('a launch whose ready line is not read')
  }),
]

const behaviors: Check[] = [
  core('SIGTERM and SIGINT terminate a supervisor', 'L-40', async (bench) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) await terminatesOn(bench, 'daemon', signal)
  }),

  full('SIGHUP terminates a supervisor in the foreground and background, but not a daemon', 'L-41', async (bench) => {
    const daemon = await bench.task({ exec: SLEEP })
    const { supervisorPid } = await daemon.info()
    process.kill(supervisorPid, 'SIGHUP')
    assert.equal((await daemon.info()).state, 'running')
    await daemon.call('terminate')
    for (const behavior of ['foreground', 'background'] as const) await terminatesOn(bench, behavior, 'SIGHUP')
  }),

  full(
    'SIGQUIT, SIGABRT, SIGXCPU, SIGPWR and SIGSYS terminate a supervisor, and harmless signals do not',
    'L-70',
    async (bench) => {
      const task = await bench.task({ exec: SLEEP })
      const { supervisorPid } = await task.info()
      for (const signal of MEANINGLESS) {
        process.kill(supervisorPid, signal)
        assert.equal(await task.info().then(({ state }) => state, String), 'running', `the state after ${signal}`)
      }
      await task.call('terminate')
      await task.closedBySupervisor()
      for (const signal of ENDING) await terminatesOn(bench, 'daemon', signal)
      for (const behavior of ['foreground', 'background'] as const) await terminatesOn(bench, behavior, 'SIGQUIT')
    },
  ),

  full('a background supervisor exits when the leader of its process group has ended', 'L-42', async (bench) => {
    // This shell leads the group, as one on a terminal does, and ends when we say so.
    const leader = ['/bin/sh', '-c', 'exec 3<&0; "$@" <&3 3<&- & exec 3<&-; wait', 'sh']
    const cmd = [...leader, ...bench.supervisorCmd]
    const launch = new Launch(['/usr/bin/setsid', '--wait', ...cmd], bench.path, { behavior: 'background' })
    launch.give(encodeSpec(makeSpec(bench.path, { behavior: 'background' })))
    const pid = await launch.ready()
    const pgrp = readProcessStat(pid)?.pgrp ?? 0
    assert.notEqual(pgrp, pid, 'the process group, which it must not leave in the background')
    process.kill(pgrp, 'SIGKILL')
    await bench.nothingLeft('the end of its leader')
  }),

  should(
    full('the working directory of a supervisor is /', 'L-43', async (bench) => {
      const { pid } = await bench.spawn({ exec: SLEEP })
      assert.equal(readdirSync(`/proc/${pid}/cwd`).join(), readdirSync('/').join())
    }),
  ),
]

const ENDING = ['SIGQUIT', 'SIGABRT', 'SIGXCPU', 'SIGPWR', 'SIGSYS'] as const

const MEANINGLESS = [
  'SIGUSR1',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGXFSZ',
  'SIGSTKFLT',
] as const

async function terminatesOn(bench: Bench, behavior: 'daemon' | 'foreground' | 'background', signal: NodeJS.Signals) {
  const launch = bench.launch({}, { behavior })
  const pid = await launch.ready()
  await (await bench.connect(pid)).info()
  process.kill(pid, signal)
  await bench.nothingLeft(`${signal} to a supervisor of behavior ${behavior}`)
}

async function infoOf(bench: Bench, pid: number) {
  const client = await bench.connect(pid)
  const info = await client.info()
  client.close()
  return info
}

export const launchChecks: readonly Check[] = [...spec, ...child, ...ready, ...behaviors]
