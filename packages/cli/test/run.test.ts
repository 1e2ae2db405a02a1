import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { cli } from './support/cli.js'

describe('run', () => {
  test('run prints only the id, and the task keeps running', async () => {
    const { bgtask, json } = cli()
    const { stdout, stderr, exitCode } = await bgtask(['run', '--name', 'a', '-m', 'queue=mail', '--', 'sleep', '60'])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const [{ tasks }] = (await json('ls')) as [{ tasks: object[] }]
    expect(tasks).toMatchObject([
      {
        supervisorPid: Number(stdout),
        command: ['sleep', '60'],
        meta: { name: 'a', queue: 'mail' },
        behavior: 'daemon',
      },
    ])
  })

  test('run passes options after the command to the command, with and without --', async () => {
    const { bgtask } = cli()
    const { exitCode } = await bgtask(['run', '--wait', 'sh', '-c', 'test "$1$2" = --json-q', 'sh', '--json', '-q'])
    expect(exitCode).toBe(0)
  })

  test('run applies environment, directory, lock, limits and restart policy', async () => {
    const { bgtask, json, run, directory } = cli()
    const options = [
      '-e',
      'A=1=2',
      '-C',
      '/',
      '--lock',
      'l',
      '--max-buffer',
      '64K',
      '--overflow',
      'block',
      '--no-stdin',
    ]
    const id = await run(...options, '--restart', 'on-failure:7', '--', 'sh', '-c', 'cat; echo $A; pwd')
    await bgtask(['wait', id])
    expect((await bgtask(['logs', id])).stdout).toBe('1=2\n/')
    const [{ task }] = (await json('info', id)) as [{ task: object }]
    expect(task).toMatchObject({ lockfile: join(directory, 'l'), restart: { on: 'failure', maxRestarts: 7 } })
  })

  test.for([
    { name: '123', why: 'pid' },
    { name: '', why: 'empty' },
    { name: '@last', why: '@' },
  ])('run rejects the name "$name"', async ({ name, why }) => {
    const { exitCode, stderr } = await cli().bgtask(['run', '--name', name, '--', 'true'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(why) })
  })

  test.for([
    { command: ['no-such-program'], exitCode: 127, says: 'not found' },
    { command: ['no such program'], exitCode: 127, says: 'sh -c' },
    { command: ['./text'], exitCode: 126, says: 'not executable' },
    { command: ['--cwd', 'none', '--', 'true'], exitCode: 125, says: 'none' },
    { command: ['--restart', 'maybe', '--', 'true'], exitCode: 2, says: 'on-failure' },
    { command: ['--max-buffer', 'much', '--', 'true'], exitCode: 2, says: '16M' },
    { command: ['--behavior', 'shy', '--', 'true'], exitCode: 2, says: 'daemon' },
    { command: ['-m', 'novalue', '--', 'true'], exitCode: 2, says: 'key=value' },
    { command: ['--ready', '(', '--', 'true'], exitCode: 2, says: 'regular expression' },
    { command: ['--timeout', '0', '--', 'true'], exitCode: 2, says: 'bgtask: --timeout must be >=1, got 0' },
    { command: ['--max-buffer', '0', '--', 'true'], exitCode: 2, says: 'bgtask: --max-buffer must be >=1, got 0' },
    { command: ['--lock', '/', '--', 'true'], exitCode: 2, says: 'bgtask: --lock' },
    { command: [''], exitCode: 2, says: 'the command must name a program' },
  ])('run $command exits with $exitCode', async ({ command, exitCode, says }) => {
    const { bgtask, directory } = cli()
    writeFileSync(join(directory, 'text'), '')
    const result = await bgtask(['run', ...command])
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(says) })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('run names the holder of a held lock', async () => {
    const { bgtask, run } = cli()
    const id = await run('--lock', 'l', '--', 'sleep', '60')
    const { exitCode, stderr } = await bgtask(['run', '--lock', 'l', '--', 'true'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 125, stderr: expect.stringContaining(`supervisor ${id}`) })
  })

  test.for([
    { script: 'exit 7', exitCode: 7 },
    { script: 'kill -KILL $$', exitCode: 137 },
    { options: ['--timeout', '50ms'], script: 'sleep 60', exitCode: 124 },
  ])('run --wait: $script exits with $exitCode', async ({ options = [], script, exitCode }) => {
    const result = await cli().bgtask(['run', '--wait', ...options, '--', 'sh', '-c', script])
    expect(result).toMatchObject({ exitCode, stdout: expect.stringMatching(/^\d+$/) })
  })

  test('run --wait still waits and exits with the code after its reader closed the pipe', async () => {
    const { bgtask } = cli()
    const running = bgtask(['run', '--wait', '--', 'sh', '-c', 'sleep 0.2; exit 5'])
    running.stdout.destroy()
    expect(await running).toMatchObject({ exitCode: 5, stderr: '' })
  })

  test('run starts the supervisor before it loads modules that it needs later', async () => {
    const { bgtask, directory } = cli()
    const trace = join(directory, 'trace')
    const preload = join(import.meta.dirname, 'fixtures/trace-loads.cjs')
    await bgtask(['run', '--', 'true'], { env: { TRACE_FILE: trace }, nodeOptions: ['--require', preload] })
    const [before = '', after = ''] = readFileSync(trace, 'utf8').split('spawn\n')
    expect({ before, after }).toEqual({
      before: expect.not.stringContaining('node:net'),
      after: expect.stringContaining('node:net'),
    })
  })

  test('run --attach shows both outputs, forwards input and its end, and exits with the code', async () => {
    const script = 'echo start >&2; sort; exit 4'
    const result = await cli().bgtask(['run', '--attach', '--rm', '--', 'sh', '-c', script], {
      stdin: 'pipe',
      input: 'b\na\n',
    })
    expect(result).toMatchObject({ exitCode: 4, stdout: 'a\nb' })
    expect(result.stderr).toMatch(/^bgtask: task \d+\nstart$/)
  })

  test('run --attach does not wait for a grandchild that holds the output open', async () => {
    const result = await cli().bgtask(['run', '--attach', '--', 'sh', '-c', 'sleep 60 & echo here'])
    expect(result).toMatchObject({ exitCode: 0, stdout: 'here' })
  })

  test('run --attach unblocks a task whose buffer is full', async () => {
    const script = 'head -c 300000 /dev/zero | tr "\\0" x'
    const options = ['--attach', '--overflow', 'block', '--max-buffer', '4K']
    const { stdout, exitCode } = await cli().bgtask(['run', ...options, '--', 'sh', '-c', script])
    expect({ length: String(stdout).length, exitCode }).toEqual({ length: 300_000, exitCode: 0 })
  })
})

describe('run --ready', () => {
  test.for([
    { script: 'echo up on port 80; sleep 60', exitCode: 0 },
    { script: 'echo up on port 80 >&2; sleep 60', exitCode: 0 },
    { script: 'echo up on port 80', exitCode: 0 },
    { script: 'echo down; exit 3', exitCode: 3 },
    { script: 'echo down', exitCode: 125 },
    { script: 'sleep 60 & echo down; exit 5', exitCode: 5 },
    { script: 'echo down; sleep 60', exitCode: 124 },
  ])('run --ready: $script exits with $exitCode', async ({ script, exitCode }) => {
    const { bgtask } = cli()
    const ready = ['--ready', 'port \\d+', ...(exitCode === 124 ? ['--ready-timeout', '200ms'] : [])]
    const result = await bgtask(['run', ...ready, '--', 'sh', '-c', script])
    expect(result).toMatchObject({ exitCode, stdout: expect.stringMatching(/^\d+$/) })
  })
})

describe('run --rm', () => {
  test('run --wait --rm leaves nothing behind', async () => {
    const { bgtask } = cli()
    expect(await bgtask(['run', '--wait', '--rm', '--', 'false'])).toMatchObject({ exitCode: 1 })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('a detached run --rm is removed by the next run --rm, or by prune regardless of age', async () => {
    const { bgtask, run } = cli()
    const first = await run('--rm', '--', 'true')
    await bgtask(['wait', first])
    const second = await run('--rm', '--', 'true')
    await bgtask(['wait', second])
    expect((await bgtask(['ls', '-aq'])).stdout).toBe(second)
    expect((await bgtask(['prune', '--older-than', '1d'])).stdout).toBe(second)
  })

  test('run --rm that timed out or was interrupted is still removed when the task has ended', async () => {
    const { bgtask, poolPath } = cli()
    const options = ['--rm', '--ready', 'never', '-n']
    const script = ['--', 'sh', '-c', 'echo on; read line']
    await bgtask(['run', ...options, 'late', '--ready-timeout', '100ms', ...script])
    const interrupted = bgtask(['run', ...options, 'interrupted', ...script])
    await once(interrupted.stdout as Readable, 'data')
    interrupted.kill('SIGINT')
    expect(await interrupted).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('is still running') })
    for (const name of ['late', 'interrupted']) await bgtask(['send', name, 'end'])
    await bgtask(['wait', 'late', 'interrupted'])
    await bgtask(['run', '--rm', '--wait', '--', 'true'])
    expect(readdirSync(poolPath)).toEqual([])
  })
})

describe('run --behavior foreground', () => {
  test('run --behavior foreground leaves nothing behind if the task is not ready in time', async () => {
    const { bgtask } = cli()
    const options = ['--behavior', 'foreground', '--ready', 'never', '--ready-timeout', '100ms']
    expect(await bgtask(['run', ...options, '--', 'sleep', '60'])).toMatchObject({ exitCode: 124 })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('run --behavior foreground rejects --attach, and starts nothing', async () => {
    const { bgtask } = cli()
    const result = await bgtask(['run', '--behavior', 'foreground', '--attach', '--', 'sleep', '60'])
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('cannot be combined') })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('run --behavior foreground rejects --json', async () => {
    const { bgtask } = cli()
    const result = await bgtask(['run', '--json', '--behavior', 'foreground', '--', 'true'])
    expect(result).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('cannot be combined') })
  })

  test('run --behavior foreground shows all output, even into a pipe that is read late', async () => {
    const { bgtask } = cli()
    const script = 'echo word >&2; seq 1 200000; echo last word >&2; exit 3'
    const result = await bgtask(['run', '--behavior', 'foreground', '--', 'sh', '-c', script])
    expect(result.exitCode).toBe(3)
    // The task may write before the command has learnt its id.
    const lines = result.stderr.split('\n')
    expect(lines.filter((line) => !/^bgtask: task \d+$/.test(line))).toEqual(['word', 'last word'])
    expect(lines).toHaveLength(3)
    expect(result.stdout).toBe(Array.from({ length: 200_000 }, (_, index) => index + 1).join('\n'))
  })

  test('run --behavior foreground shows the output of a child that handles the signal', async () => {
    const { bgtask } = cli()
    const script = 'trap "echo last words; exit 0" TERM; echo up; sleep 60 & wait'
    const running = bgtask(['run', '--behavior', 'foreground', '--', 'sh', '-c', script])
    await once(running.stdout as Readable, 'data')
    running.kill('SIGINT')
    expect(await running).toMatchObject({ exitCode: 130, stdout: 'up\nlast words' })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('run --behavior foreground leaves nothing behind after a signal during the launch', async () => {
    const { bgtask, poolPath } = cli()
    const running = bgtask(['run', '--behavior', 'foreground', '--', 'sleep', '60'])
    // The first file of a launch.
    await eventually(() => existsSync(poolPath) && readdirSync(poolPath).length > 0)
    running.kill('SIGTERM')
    expect(await running).toMatchObject({ exitCode: 143 })
    expect(readdirSync(poolPath)).toEqual([])
  })

  test('run --behavior foreground keeps the task running after its reader closed the pipe', async () => {
    const { bgtask } = cli()
    const script = 'while echo line; do sleep 0.01; done & sleep 0.5; kill $!; exit 5'
    const running = bgtask(['run', '--behavior', 'foreground', '--', 'sh', '-c', script])
    await once(running.stdout as Readable, 'data')
    running.stdout.destroy()
    expect(await running).toMatchObject({ exitCode: 5 })
  })

  test('run --behavior foreground exits with the task, and leaves nothing behind', async () => {
    const { bgtask } = cli()
    const result = await bgtask(['run', '--behavior', 'foreground', '--', 'sh', '-c', 'exit 6'])
    expect(result).toMatchObject({ exitCode: 6, stdout: '' })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('run --behavior foreground ends the task on SIGTERM', async () => {
    const { bgtask } = cli()
    const running = bgtask(['run', '--behavior', 'foreground', '--ready', 'up', '--', 'sh', '-c', 'echo up; sleep 60'])
    await once(running.stderr as Readable, 'data')
    running.kill('SIGTERM')
    expect(await running).toMatchObject({ exitCode: 143 })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })
})
