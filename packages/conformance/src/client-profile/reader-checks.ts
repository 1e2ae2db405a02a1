import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { readProcessStat } from '@bgtask/os'
import { isAlive } from '../processes.js'
import { until } from '../waiting.js'
import type { ClientBench } from './bench.js'
import { type ClientCheck, client } from './check.js'

const TASK_ID = '00112233445566778899aabbccddeeff'

export const readerChecks: readonly ClientCheck[] = [
  client('a task is listed even if its supervisor lacks methods', 'W-31', async (bench) => {
    const { driven, report } = bench.spawn('only-info')
    const { pid, spec } = await report()
    await driven
    assert.equal((await bench.list()).get(taskIdOf(spec)), pid, 'pid of the task in the list')
  }),

  client('foreign files in the directory do not disturb the list', 'D-40 D-45', async (bench) => {
    const { driven, report } = bench.spawn('plain')
    const { pid, spec } = await report()
    await driven
    const record = (name: string) => join(bench.path, name)
    assert.equal(spawnSync('mkfifo', [record(`1.${TASK_ID}.json`)]).status, 0, 'mkfifo')
    symlinkSync('/dev/zero', record(`2.${TASK_ID}.json`))
    writeFileSync(record(`3.${TASK_ID}.json`), 'x'.repeat(300_000))
    writeFileSync(record(`4.${TASK_ID}.json`), '{"v":1,"__proto__":{"polluted":true},"supervisor":null}')
    symlinkSync('/dev/null', record('5.sock'))
    writeFileSync(record('6.sock'), 'no socket')
    assert.equal((await bench.list()).get(taskIdOf(spec)), pid, 'pid of the task in the list')
  }),

  client('an entry that hangs does not hide the others', 'D-41', async (bench) => {
    const hanging = bench.spawn('hangs', { timeoutMs: 2_000 })
    await hanging.report()
    await hanging.driven
    const { driven, report } = bench.spawn('plain')
    const { pid, spec } = await report()
    await driven
    assert.equal((await bench.list()).get(taskIdOf(spec)), pid, 'pid of the task that answers in the list')
  }),

  client('invalid info of one task does not end the list', 'D-40 D-47 W-211 W-212', async (bench) => {
    const wild = bench.spawn('wild-info')
    await wild.report()
    await wild.driven
    const { driven, report } = bench.spawn('plain')
    const { pid, spec } = await report()
    await driven
    const { stdout, code } = await bench.drive(['list', bench.path])
    assert.equal(code, 0, 'exit code of list')
    assert.ok(stdout.includes(`${pid} ${taskIdOf(spec)}`), 'the other task in the list')
    assert.ok(!stdout.includes('\u001b'), 'an escape sequence of a foreign supervisor in the list')
  }),

  client('an error of one supervisor affects only its own entry', 'D-41 W-213', async (bench) => {
    const refusing = bench.spawn('refuses')
    await refusing.report()
    await refusing.driven
    const { driven, report } = bench.spawn('plain')
    const { pid, spec } = await report()
    await driven
    assert.equal((await bench.list()).get(taskIdOf(spec)), pid, 'pid of the task that answers in the list')
  }),

  client('a socket with a full backlog is not removed', 'D-42 D-43', async (bench) => {
    const path = join(bench.path, '7.sock')
    const server = createServer()
    await new Promise<void>((resolve) => {
      server.listen({ path, backlog: 1 }, resolve)
    })
    try {
      // It accepts nothing as long as this process is busy, and this process waits for the driver.
      await bench.list()
      assert.ok(existsSync(path), 'the socket of a supervisor that is busy was removed')
    } finally {
      server.close()
    }
  }),

  client('a directory that all users can write to, or a link to a directory, is rejected', 'D-44', async (bench) => {
    const open = bench.beside('open')
    mkdirSync(open)
    spawnSync('chmod', ['0777', open])
    assert.notEqual((await bench.drive(['list', open])).code, 0, 'exit code of list in a directory of mode 0777')
    const link = bench.beside('link')
    symlinkSync(bench.path, link)
    assert.notEqual(
      (await bench.drive(['list', link])).code,
      0,
      'exit code of list in a directory that a link leads to',
    )
  }),

  client(
    'a record whose supervisor is a zombie, or has another start time, is not listed as a living task',
    'D-30 D-46',
    async (bench) => {
      const { driven, report } = bench.spawn('plain')
      const { pid, spec } = await report()
      await driven
      // The pid lives, but with another start time and another task.
      writeRecord(bench, pid, TASK_ID, 1)
      const zombie = await makeZombie(bench)
      writeRecord(bench, zombie, TASK_ID.replaceAll('0', '1'), startTimeOf(zombie))
      const tasks = await bench.list()
      assert.deepEqual([...tasks], [[taskIdOf(spec), pid]], 'the tasks in the list')
    },
  ),
]

function taskIdOf(spec: unknown): string {
  return String((spec as { taskId: string }).taskId)
}

/** A record of a task that had the pid before. */
function writeRecord(bench: ClientBench, pid: number, taskId: string, startTime: number): void {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : '')
  const supervisor = {
    pid,
    startTime,
    bootId: read('/proc/sys/kernel/random/boot_id'),
    machineId: read('/etc/machine-id'),
    pidNamespace: spawnSync('readlink', ['/proc/self/ns/pid'], { encoding: 'utf8' }).stdout.trim(),
  }
  const info = {
    taskId,
    supervisorPid: pid,
    pid: null,
    meta: {},
    command: ['old'],
    cwd: '/',
    behavior: 'daemon',
    lockfile: null,
    state: 'running',
    run: 1,
    restarts: 0,
    createdAt: 1,
    startedAt: 1,
    exitedAt: null,
    exitStatus: null,
    exitOffsets: null,
    nextStartAt: null,
    failure: null,
    stdio: 'pipe',
    protocol: 1,
    software: 'old/1',
    restart: { on: 'never', delayMs: 0, maxDelayMs: 0, factor: 1, maxRestarts: 0, resetAfterMs: 0 },
  }
  const path = join(bench.path, `${pid}.${taskId}.json`)
  writeFileSync(path, JSON.stringify({ v: 1, supervisor, child: null, uid: process.getuid?.(), info }), { mode: 0o600 })
  utimesSync(path, 1, 1)
}

/** A process that has ended and that its parent does not wait for. */
async function makeZombie(bench: ClientBench): Promise<number> {
  const file = bench.beside('zombie')
  const parent = spawn('/bin/sh', ['-c', `sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}' & exec sleep 1000`], {
    env: { ...process.env, ...bench.env },
    stdio: 'ignore',
  })
  parent.unref()
  await until(() => existsSync(file), 'the start of a process that is to become a zombie')
  const pid = Number(readFileSync(file, 'utf8'))
  await until(() => !isAlive(pid), 'its end')
  return pid
}

function startTimeOf(pid: number): number {
  const stat = readProcessStat(pid)
  if (stat === undefined) throw new Error(`process ${pid} is gone`)
  return stat.startTime
}
