import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { allPids, childrenOf, eventually, isAlive, processEnv, processFds, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Spawner } from '../../../src/launch/spawner/spawner.js'
import type { SpawnerFailure, SpawnerLaunch } from '../../../src/launch/spawner/spawner-launch.js'
import { encodeSpec, parseSpawnOptions } from '../../../src/launch/spec.js'

const binary = resolve(import.meta.dirname, `../../../../supervisor-linux-${process.arch}/bgtask-supervisor`)

/** A machine without Rust goes without, but not one that decides over a change. */
const hasBinary = existsSync(binary)
if (!hasBinary && process.env.CI === 'true') throw new Error(`These tests need ${binary}, which pnpm build makes`)

const marks = { BGTASK_TEST_RUN: process.env.BGTASK_TEST_RUN ?? '' }

function makeSpawner(program = binary): Spawner {
  const spawner = new Spawner(program)
  onTestFinished(() => spawner.close())
  return spawner
}

/** Starts a program and collects what the listener learns. */
function start(spawner: Spawner, changes: Partial<SpawnerLaunch>, stdin?: Buffer) {
  const heard = { pid: 0, stderr: '', ended: false, failure: undefined as SpawnerFailure | undefined }
  const launch: SpawnerLaunch = {
    argv: [binary],
    env: { PATH: '/usr/bin:/bin', BGTASK_BEHAVIOR: 'daemon', ...marks },
    cwd: '/',
    umask: 0o022,
    behavior: 'daemon',
    ...changes,
  }
  const supervisor = spawner.start(launch, {
    onStarted: (pid) => (heard.pid = pid),
    onStderr: (chunk) => (heard.stderr += chunk),
    onEnd: (failure) => Object.assign(heard, { ended: true, failure }),
  })
  if (stdin !== undefined) supervisor.end(stdin)
  return { heard, supervisor, ended: () => eventually(() => heard.ended) }
}

function sh(script: string, changes: Partial<SpawnerLaunch> = {}) {
  return { argv: ['/bin/sh', '-c', script], ...changes }
}

/** A spec for a task in a directory of its own. */
function taskSpec(options: { exec?: string[]; behavior?: 'background' | 'daemon' } = {}) {
  const path = tempDir()
  const { spec } = parseSpawnOptions(
    { exec: ['/bin/sleep', '1000'], ...options },
    {
      path,
      access: { mode: 0o600, gid: null, owners: [] },
      spool: null,
      lingerMs: null,
      supervisorEnv: { BGTASK_TASKPOOL_PATH: path },
      command: () => ({ kind: 'native', argv: [binary], detaches: true }),
    },
  )
  return { path, spec: encodeSpec(spec) }
}

async function endTask(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM')
  await eventually(() => !isAlive(pid))
}

describe.runIf(hasBinary)('a spawner', () => {
  test.each(['daemon', 'background'] as const)('starts a supervisor that has detached, as %s', async (behavior) => {
    const spawner = makeSpawner()
    const { spec } = taskSpec({ behavior })
    const { heard, supervisor, ended } = start(spawner, { behavior }, spec)
    await ended()
    onTestFinished(() => endTask(heard.pid))
    expect(heard).toEqual({ pid: supervisor.pid, stderr: `DAEMON_PID=${heard.pid}\n`, ended: true, failure: undefined })
    const { ppid, session, pgrp } = processStat(heard.pid) ?? {}
    expect([process.pid, spawner.pid]).not.toContain(ppid)
    const own = processStat(process.pid)
    const expected =
      behavior === 'daemon' ? { session: heard.pid, pgrp: heard.pid } : { session: own?.session, pgrp: own?.pgrp }
    expect({ session, pgrp }).toEqual(expected)
  })

  test('gives a program its directory, umask and environment, and nothing else', async () => {
    const directory = tempDir()
    const script = 'pwd; umask; echo $A; ls /proc/self/fd | tr "\\n" " "; grep -E "Sig(Blk|Ign)" /proc/self/status'
    const env = { PATH: '/usr/bin:/bin', A: 'b=c', ...marks }
    const { heard, ended } = start(makeSpawner(), sh(`{ ${script}; } >&2`, { cwd: directory, umask: 0o077, env }))
    await ended()
    // The last descriptor is the one that lists them.
    const signals = 'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n'
    expect(heard.stderr).toBe(`${directory}\n0077\nb=c\n0 1 2 3 ${signals}`)
  })

  test.each([
    { what: 'a missing program', changes: { argv: ['no-such-program'] }, step: 'exec', code: 'ENOENT' },
    { what: 'a directory as the program', changes: { argv: ['/tmp'] }, step: 'exec', code: 'EACCES' },
    { what: 'a missing directory', changes: { cwd: '/no/such/directory' }, step: 'cwd', code: 'ENOENT' },
    {
      what: 'an environment that no kernel takes',
      changes: { env: { A: 'x'.repeat(200_000) } },
      step: 'exec',
      code: 'E2BIG',
    },
  ])('reports $what, and serves on', async ({ changes, step, code }) => {
    const spawner = makeSpawner()
    const failed = start(spawner, changes, Buffer.from('spec'))
    await failed.ended()
    expect(failed.heard).toEqual({ pid: 0, stderr: '', ended: true, failure: { kind: 'not-started', step, code } })
    const next = start(spawner, sh('echo fine >&2'))
    await next.ended()
    expect(next.heard).toMatchObject({ stderr: 'fine\n', failure: undefined })
  })

  test('searches a program in the PATH that it gets', async () => {
    const directory = tempDir()
    symlinkSync('/bin/sh', join(directory, 'my-shell'))
    const env = { PATH: `/no/such:${directory}`, ...marks }
    const { heard, ended } = start(makeSpawner(), { argv: ['my-shell', '-c', 'echo found >&2'], env })
    await ended()
    expect(heard.stderr).toBe('found\n')
  })

  test('passes on 8 MiB of stdin, though a program reads late, while others are served', async () => {
    const spawner = makeSpawner()
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'spec')
    const directory = tempDir()
    const late = start(spawner, sh(`until [ -e ${directory}/go ]; do :; done; wc -c >&2`), bytes)
    const { heard, ended } = start(spawner, sh(`touch ${directory}/go`), Buffer.alloc(0))
    await ended()
    expect(heard.failure).toBeUndefined()
    await late.ended()
    expect(Number(late.heard.stderr)).toBe(bytes.length)
  })

  test('waits for a spec that comes late', async () => {
    const { heard, supervisor, ended } = start(makeSpawner(), {})
    await eventually(() => heard.pid !== 0)
    supervisor.end(taskSpec().spec)
    await ended()
    onTestFinished(() => endTask(heard.pid))
    expect(heard.stderr).toBe(`DAEMON_PID=${heard.pid}\n`)
  })

  test.each(['the launch is closed', 'the spawner is closed', 'the spawner is killed'])(
    'leaves nothing of a launch that is not ready when %s',
    async (how) => {
      const spawner = makeSpawner()
      const { path, spec } = taskSpec()
      const { heard, supervisor } = start(spawner, {})
      await eventually(() => heard.pid !== 0)
      process.kill(heard.pid, 'SIGSTOP')
      supervisor.end(spec)
      // A later launch ends only after the spawner has passed on the spec.
      await start(spawner, sh('true'), Buffer.alloc(0)).ended()
      if (how === 'the launch is closed') {
        supervisor.close()
        await start(spawner, sh('true'), Buffer.alloc(0)).ended()
      } else {
        if (how === 'the spawner is closed') spawner.close()
        else process.kill(spawner.pid ?? 0, 'SIGKILL')
        await eventually(() => !isAlive(spawner.pid ?? 0))
        await eventually(() => heard.failure?.kind === 'spawner-gone')
      }
      process.kill(heard.pid, 'SIGCONT')
      await eventually(() => !isAlive(heard.pid))
      expect(readdirSync(path)).toEqual([])
      expect(allPids().filter((pid) => processEnv(pid)?.BGTASK_TASKPOOL_PATH === path)).toEqual([])
    },
  )

  test('is not ended by signals of a terminal', async () => {
    const spawner = makeSpawner()
    await start(spawner, sh('true')).ended()
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGPIPE'] as const)
      process.kill(spawner.pid ?? 0, signal)
    const { heard, ended } = start(spawner, sh('echo fine >&2'))
    await ended()
    expect(heard.stderr).toBe('fine\n')
  })

  test('starts many at once, and keeps no descriptor and no child of them', async () => {
    const spawner = makeSpawner()
    await start(spawner, sh('true')).ended()
    const before = processFds(spawner.pid ?? 0).size
    const launches = Array.from({ length: 100 }, (_, n) =>
      start(spawner, sh('read line; echo $line >&2'), Buffer.from(`${n}\n`)),
    )
    await Promise.all(launches.map(({ ended }) => ended()))
    expect(launches.map(({ heard }) => heard.stderr)).toEqual(launches.map((_, n) => `${n}\n`))
    expect(processFds(spawner.pid ?? 0).size).toBe(before)
    expect(childrenOf(spawner.pid ?? 0)).toEqual([])
  })

  test('that is no program ends each launch with the reason', async () => {
    const spawner = makeSpawner('/no/such/program')
    const { heard, ended } = start(spawner, {})
    await ended()
    expect(heard.failure).toMatchObject({ kind: 'spawner-gone', reason: expect.stringContaining('ENOENT') })
    expect(spawner.isGone).toBe(true)
    const late = start(spawner, {})
    await late.ended()
    expect(late.heard.failure?.kind).toBe('spawner-gone')
  })
})
