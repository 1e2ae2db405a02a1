import { execFileSync, spawnSync } from 'node:child_process'
import { Task } from '@bgtask/client'
import { TaskPool } from '@bgtask/pool'
import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { cli, program } from './support/cli.js'

async function stateOf(json: ReturnType<typeof cli>['json'], id: string): Promise<string> {
  const [shown] = await json('info', id)
  return String((shown?.task as { state?: unknown } | undefined)?.state)
}

describe('logs', () => {
  test("logs prints the child's stdout to stdout and its stderr to stderr, unchanged", async () => {
    const { bgtask, run } = cli()
    const id = await run('--', 'sh', '-c', 'printf "a\\377b"; echo err >&2; printf last')
    await bgtask(['wait', id])
    const { stdout, stderr } = await bgtask(['logs', id], { encoding: 'buffer' } as object)
    expect(Buffer.from(stdout as unknown as Uint8Array)).toEqual(Buffer.from('a\xffblast', 'latin1'))
    expect(Buffer.from(stderr as unknown as Uint8Array).toString()).toBe('err')
  })

  const script = 'for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2'

  test.for([
    { args: ['-n', '2', '--stdout'], stdout: 'line 4\nline 5', stderr: '' },
    { args: ['-n', '0'], stdout: '', stderr: '' },
    { args: ['-n', '99'], stdout: 'line 1\nline 2\nline 3\nline 4\nline 5', stderr: 'oops' },
    { args: ['--stderr'], stdout: '', stderr: 'oops' },
    { args: ['--stdout', '--from', '28'], stdout: 'line 5', stderr: '' },
    { args: ['--grep', '[24]$'], stdout: 'line 2\nline 4', stderr: '' },
    { args: ['-f', '--grep', 'o'], stdout: '', stderr: 'oops' },
    { args: ['--until', 'line 5'], stdout: 'line 1\nline 2\nline 3\nline 4\nline 5', stderr: expect.anything() },
    { args: ['--from', '3'], stdout: '', stderr: expect.stringContaining('--stdout or --stderr'), exitCode: 2 },
    { args: ['--until', 'line 6'], stdout: expect.anything(), stderr: 'oops', exitCode: 1 },
  ])('logs $args', async ({ args, stdout, stderr, exitCode = 0 }) => {
    const { bgtask, run } = cli()
    const id = await run('--', 'sh', '-c', script)
    await bgtask(['wait', id])
    expect(await bgtask(['logs', ...args, id])).toMatchObject({ exitCode, stdout, stderr })
  })

  test('logs prints what a killed supervisor has written to files, and says so if there are none', async () => {
    const { bgtask, json, run } = cli()
    const kept = await run('--keep', '--ready', 'there', '--', 'sh', '-c', 'echo there; exec sleep 60')
    const lost = await run('--ready', 'there', '--', 'sh', '-c', 'echo there; exec sleep 60')
    for (const pid of [kept, lost]) process.kill(Number(pid), 'SIGKILL')
    await eventually(async () => ['lost', 'orphaned'].includes(await stateOf(json, kept)))
    await eventually(async () => ['lost', 'orphaned'].includes(await stateOf(json, lost)))
    expect(await bgtask(['logs', kept])).toMatchObject({ exitCode: 0, stdout: 'there' })
    expect(await bgtask(['logs', '-f', '-n', '1', '--stdout', kept])).toMatchObject({ exitCode: 0, stdout: 'there' })
    expect(await bgtask(['logs', lost])).toMatchObject({ exitCode: 125, stdout: '' })
  })

  /** Node warned of a leak, among the tasks' stderr, when eleven outputs were followed at once. */
  test('logs -f of eleven tasks prints no warning', async () => {
    const { bgtask, run } = cli()
    const ids = await Promise.all(Array.from({ length: 11 }, () => run('sleep', '60')))
    expect(await bgtask(['logs', '-f', '--timeout', '1s', ...ids])).toMatchObject({
      exitCode: 124,
      stderr: `bgtask: following the output of tasks ${ids.join(', ')} took longer than 1000 ms`,
    })
  })

  test('logs of a running task prints the kept output; with -f it follows until the timeout', async () => {
    const { bgtask, run } = cli()
    const id = await run('--ready', 'there', '--', 'sh', '-c', 'echo there; exec sleep 60')
    expect(await bgtask(['logs', id])).toMatchObject({ exitCode: 0, stdout: 'there' })
    expect(await bgtask(['logs', '-f', '--timeout', '100ms', id])).toMatchObject({ exitCode: 124, stdout: 'there' })
  })

  /** Only the exit code used to indicate it, even with --json. */
  test.for([
    { args: ['-f'], what: 'following the output of task' },
    { args: ['--until', 'never'], what: 'waiting for /never/ in the output of task' },
  ])('logs $args reports a timeout as an error', async ({ args, what }) => {
    const { bgtask, json, run } = cli()
    const id = await run('sleep', '60')
    const message = `${what} ${id} took longer than 100 ms`
    const limited = [...args, '--timeout', '100ms', id]
    expect(await bgtask(['logs', ...limited])).toMatchObject({ exitCode: 124, stderr: `bgtask: ${message}` })
    expect(await json('logs', ...limited)).toEqual([
      { v: 1, error: { code: 'ERR_BGTASK_TIMEOUT', message, exitCode: 124, timeoutMs: 100, what: `${what} ${id}` } },
    ])
  })

  test('logs --until matches new output, even an unfinished line', async () => {
    const { bgtask, run } = cli()
    const id = await run('--', 'sh', '-c', 'read word; printf "password for $word: "; exec sleep 60')
    const waiting = bgtask(['logs', id, '--until', 'password for .*: $'])
    await bgtask(['send', id, 'anna'])
    expect(await waiting).toMatchObject({ exitCode: 0, stdout: 'password for anna: ' })
  })

  test('logs of several tasks prefixes each line with its task', async () => {
    const { bgtask, run } = cli()
    const ids = [await run('-n', 'a', '--', 'sh', '-c', 'echo 1; printf 2'), await run('--', 'sh', '-c', 'echo 3 >&2')]
    await bgtask(['wait', ...ids])
    for (const follow of [[], ['-f']]) {
      const { stdout, stderr } = await bgtask(['logs', ...follow, ...ids])
      expect({ stdout, stderr }).toEqual({ stdout: 'a | 1\na | 2', stderr: `${ids[1]} | 3` })
    }
  })

  test('logs reports bytes that are no longer kept', async () => {
    const { bgtask, run } = cli()
    const id = await run('--max-buffer', '1K', '--', 'sh', '-c', 'seq 1000')
    await bgtask(['wait', id])
    const { stderr } = await bgtask(['logs', '--stdout', '--from', '0', id])
    expect(stderr).toMatch(/^bgtask: bytes 0 to \d+ of stdout of task \d+ are no longer kept$/)
  })

  test('logs prints kept bytes whose order is no longer known', async () => {
    const { bgtask, poolPath, run } = cli()
    const id = await run('--', process.execPath, '-e', IN_TURN)
    const { output, stdout: stdoutOf } = new Task(new TaskPool({ path: poolPath }), Number(id))
    await eventually(async () => (await output.order({ maxChunks: 1 })).seq > 0, { deadlineMs: 25_000 })
    await bgtask(['send', id, 'enough'])
    await bgtask(['wait', id])
    const { stdout } = await bgtask(['logs', id])
    const { endOffset } = await stdoutOf.info()
    expect({ start: String(stdout).slice(0, 7), length: String(stdout).length }).toEqual({
      start: 'first\n.',
      length: endOffset,
    })
  })

  test('logs --discard unblocks a task whose buffer is full', async () => {
    const { bgtask, run } = cli()
    const id = await run('--overflow', 'block', '--max-buffer', '4K', '--', 'sh', '-c', 'seq 20000')
    const { stdout, exitCode } = await bgtask(['logs', '-f', '--discard', id])
    expect({ exitCode, last: String(stdout).endsWith('\n20000') }).toEqual({ exitCode: 0, last: true })
  })

  test('logs exits silently when its reader closes the pipe', async () => {
    const { bgtask, env, run } = cli()
    const id = await run('--', 'sh', '-c', 'seq 200000')
    await bgtask(['wait', id])
    const script = `set -o pipefail; "${process.execPath}" "${program}" logs ${id} 2>&1 | head -n 1`
    expect(execFileSync('bash', ['-c', script], { env: { ...process.env, ...env }, encoding: 'utf8' })).toBe('1\n')
  })
})

test('logs reports a full disk, and nothing else', async () => {
  const { env, run } = cli()
  const id = await run('--ready', 'out', '--', 'echo', 'out')
  const script = `"${process.execPath}" "${program}" logs ${id} > /dev/full`
  const { status, stderr } = spawnSync('sh', ['-c', script], { env: { ...process.env, ...env }, encoding: 'utf8' })
  expect({ status, stderr }).toEqual({
    status: 125,
    stderr: expect.stringMatching(/^bgtask: cannot write to stdout: .*ENOSPC.*\n$/),
  })
})

test('attach --discard unblocks a task whose buffer is full', async () => {
  const { bgtask, run } = cli()
  const id = await run('--overflow', 'block', '--max-buffer', '4K', '--', 'seq', '20000')
  const { stdout, exitCode } = await bgtask(['attach', '--discard', '--no-stdin', id])
  expect({ exitCode, last: String(stdout).endsWith('\n20000') }).toEqual({ exitCode: 0, last: true })
})

/** Writes to both outputs alternately until it reads input. */
const IN_TURN = `
const { writeSync } = require('node:fs')
process.stdin.on('data', () => process.exit())
writeSync(1, 'first\\n')
const write = () => {
  writeSync(1, '.')
  writeSync(2, '.')
  setImmediate(write)
}
write()
`
