import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { eventually, needs, pathOf, processCwd, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { fixture, makePool, spawnTask, supervisorCmd, textOf } from './support/pool.js'

/** Runs once by itself, and once more by hand. */
async function outputsOfTwoRuns(cmd: string, stdin = ''): Promise<string> {
  const task = await spawnTask({ cmd })
  for (const run of [1, 2]) {
    if (stdin !== '') await task.stdin.write(stdin)
    await task.stdin.close()
    await task.wait({ run })
    if (run === 1) expect(await task.restart()).toBe(true)
  }
  expect((await task.info()).stdio).toBe('pipe')
  return textOf(task)
}

describe("the child's stdio are real pipes, in the first run and after a restart", () => {
  test.each([
    ['its stdout can be opened', 'echo a > /dev/stdout; echo b > /proc/self/fd/1', '', 'a\nb\na\nb\n'],
    ['its stderr can be opened', 'echo a | tee /dev/stderr', '', 'a\na\n'],
    ['its stdin can be opened, and ends', 'cat /dev/stdin', 'typed\n', 'typed\ntyped\n'],
  ])('%s', async (_, cmd, stdin, output) => {
    expect(await outputsOfTwoRuns(cmd, stdin)).toBe(output)
  })

  test.runIf(needs('perl'))('reads block, and writes too', async () => {
    const flags = `perl -MFcntl -e 'print +(fcntl(STDIN, F_GETFL, 0) | fcntl(STDOUT, F_GETFL, 0)) & O_NONBLOCK, "\\n"'`
    expect(await outputsOfTwoRuns(flags, '')).toBe('0\n0\n')
  })
})

describe('descriptors', () => {
  test.each([
    ['neither the daemon nor the child', {}, [3, 5, 8, 12, 40]],
    // The low ones are Node's to close, and it closes them for the child alone.
    [
      'not the child, also of a supervisor that was started without the shell',
      { SUPERVISOR_CMD: JSON.stringify([process.execPath, daemonPath()]) },
      [40],
    ],
  ])("foreign ones that the caller's program leaks reach %s", async (_, env, leaked) => {
    const directory = tempDir()
    const pool = makePool()
    const stdio: ('ignore' | number)[] = Array.from({ length: 41 }, () => 'ignore')
    for (const fd of leaked) stdio[fd] = openSync(join(directory, String(fd)), 'w')
    const caller = spawn(process.execPath, [fixture('spawn-one.js'), pool.path], {
      stdio,
      env: { ...process.env, ...env },
    })
    for (const fd of stdio) if (fd !== 'ignore') closeSync(fd)
    expect(await once(caller, 'exit')).toEqual([0, null])
    const [task] = await pool.search()
    if (task === undefined) throw new Error('no task was started')
    const { pid } = await task.info()
    const targets = [...processFds(task.pid).values(), ...processFds(pid ?? 0).values()]
    expect(targets.filter((target) => target.startsWith(directory))).toEqual([])
  })

  test('the daemon holds a handful, none of them of the launcher, and as many after a hundred clients and ten runs', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'exit', restart: { on: 'always', delayMs: 0, maxRestarts: 10 } })
    await task.wait()
    const before = processFds(task.pid)
    expect(before.get(0)).toBe('/dev/null')
    expect(before.get(1)).toBe(pool.outputPath(task.pid))
    expect(before.get(2)).toBe(pool.outputPath(task.pid))
    expect(processCwd(task.pid)).toBe('/')
    for (let count = 0; count < 100; count += 1) {
      const client = new (task.constructor as typeof Task)(pool, task.pid)
      await client.info()
      client.disconnect()
    }
    await task.restart()
    await task.wait()
    await eventually(() => processFds(task.pid).size === before.size)
    // Node has some pipes of its own, of which it holds both ends.
    const pipes = [...before.values()].filter((target) => target.startsWith('pipe:'))
    for (const pipe of pipes) expect(pipes.filter((other) => other === pipe)).toHaveLength(2)
  })

  test('no pipe is left by a start that fails', async () => {
    const cwd = tempDir()
    const pool = makePool()
    await (await pool.spawn({ cmd: `printf '#!/bin/sh\\n' > program; chmod +x program`, cwd })).wait()
    const task = await pool.spawn({ exec: [join(cwd, 'program')] })
    await task.wait()
    await (await pool.spawn({ cmd: 'rm program', cwd })).wait()
    const before = processFds(task.pid).size
    for (let count = 0; count < 5; count += 1) {
      await expect(task.restart()).rejects.toMatchObject({ code: 'ERR_BGTASK_COMMAND', reason: 'not-found' })
    }
    await eventually(() => processFds(task.pid).size === before)
  })
})

describe('the pipes of the launching shell', () => {
  test('are not needed: a supervisor without it makes its own', async () => {
    const pool = makePool({ supervisorCmd: [process.execPath, daemonPath()] })
    const task = await pool.spawn({ cmd: 'echo a > /dev/stdout' })
    await task.wait()
    expect(await textOf(task)).toBe('a\n')
    expect((await task.info()).stdio).toBe('pipe')
  })

  test.runIf(needs('root', 'unshare'))(
    'without /proc the child gets sockets, info says so, and it can be stopped',
    async () => {
      const hide = [pathOf('unshare'), '--mount', '/bin/sh', '-c', 'umount --lazy /proc && exec "$@"', 'sh']
      const pool = makePool({ supervisorCmd: [...hide, ...supervisorCmd(daemonPath())] })
      const task = await pool.spawn({ cmd: 'echo out; echo error >&2; cat; sleep 1000 & wait' })
      await task.stdin.write('in\n')
      await task.stdin.close()
      await task.stdout.waitFor('out\nin\n')
      await task.stderr.waitFor('error\n')
      expect(await task.info()).toMatchObject({ state: 'running', stdio: 'socket' })
      expect(await task.kill('CONT', { tree: true })).toBe(true)
      expect(await task.stop()).toMatchObject({ exitStatus: { signal: 'SIGTERM', cause: 'stopped' }, survivors: [] })
      expect(await task.restart()).toBe(true)
      expect((await task.info()).stdio).toBe('socket')
      await task.terminateSupervisor({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
    },
  )
})
