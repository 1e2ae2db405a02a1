import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { COMMAND_NAMES } from '../src/program.js'
import { cli } from './support/cli.js'

const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../schema/v1.json'), 'utf8'))

/** Readers must ignore unknown keys, but these tests reject undocumented ones. */
const ajv = new Ajv2020({ allowUnionTypes: true }).addSchema(closed(schema))

const covered = new Set<string>()

function expectValid(name: string, lines: readonly object[]): void {
  covered.add(name)
  const validate = ajv.getSchema(`urn:bgtask:cli-json:1#/$defs/${name}`)
  for (const line of lines) {
    validate?.(line)
    expect({ line, errors: validate?.errors }).toEqual({ line, errors: null })
  }
  expect(lines.length).toBeGreaterThan(0)
}

describe('--json', () => {
  test('run and wait print documented JSON', async () => {
    const { json } = cli()
    expectValid('run', await json('run', '-n', 'job', '--', 'true'))
    expectValid('run', await json('run', '--wait', '--', 'sh', '-c', 'kill $$'))
    expectValid('run', await json('run', '--ready', 'x', '--', 'false'))
    expectValid('wait', await json('wait', 'job'))
  })

  test('commands that show tasks print documented JSON', async () => {
    const { bgtask, json, run } = cli()
    const id = await run('-m', 'progress.done=1', '--', 'sh', '-c', 'echo out; printf "\\377" >&2; exec cat')
    const small = await run('--max-buffer', '1K', 'seq', '1000')
    expectValid('ls', await json('ls', '-a'))
    expectValid('info', await json('info', id))
    expectValid('top', await json('top', '-n', '1', '-d', '50ms'))
    expectValid('meta', await json('meta', id))
    expectValid('doctor', await json('doctor'))
    await bgtask(['send', '--eof', id, 'last'])
    expectValid('logs', await json('logs', '-f', id))
    await bgtask(['wait', small])
    expectValid('logs', await json('logs', '--stdout', '--from', '0', small))
  })

  test('commands that control tasks print documented JSON', async () => {
    const { json, run } = cli()
    const id = await run('cat')
    expectValid('meta', await json('meta', id, 'a=1'))
    expectValid('pause', await json('pause', id))
    expectValid('resume', await json('resume', id))
    expectValid('send', await json('send', id, 'hello'))
    expectValid('kill', await json('kill', '-s', 'KILL', id))
    expectValid('wait', await json('wait', id))
    expectValid('restart', await json('restart', id))
    expectValid('stop', await json('stop', id))
    expectValid('rm', await json('rm', id))
    expectValid('prune', await json('prune'))
  })

  test('run --attach and attach print documented JSON', async () => {
    const { bgtask, json, run } = cli()
    const script = 'echo out; echo err >&2; exit 3'
    expectValid('run', await json('run', '--attach', '--rm', '--', 'sh', '-c', script))
    const id = await run('--', 'sh', '-c', 'echo out; read line; echo $line')
    const attached = bgtask(['attach', '--json', id], { stdin: 'pipe', input: 'typed\n' })
    const lines = String((await attached).stdout).split('\n')
    expectValid(
      'attach',
      lines.map((line) => JSON.parse(line)),
    )
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ code: 0 })
  })

  test.for([
    { args: ['attach'], name: 'attach', exitCode: 0 },
    { args: ['run', '--wait', '--'], name: 'run', exitCode: 130 },
  ])('$args prints a JSON line on Ctrl-C', async ({ args: [command = '', ...rest], name, exitCode }) => {
    const { bgtask, run } = cli()
    const script = 'echo out; exec sleep 60'
    const words = name === 'run' ? [...rest, 'sh', '-c', script] : [await run('--', 'sh', '-c', script)]
    const running = bgtask([command, '--json', ...words])
    await once(running.stdout as Readable, 'data')
    running.kill('SIGINT')
    const lines = String((await running).stdout)
      .split('\n')
      .map((line) => JSON.parse(line))
    expectValid(name, lines)
    expect(lines.at(-1)).toMatchObject({ type: 'detached' })
    expect(await running).toMatchObject({ exitCode, stderr: '' })
  })

  test('completion, top and web print documented JSON', async () => {
    const { bgtask, json, run } = cli()
    await run('sleep', '60')
    expectValid('completion', await json('completion', 'zsh'))
    const updates = await json('top', '-n', '2', '-d', '50ms')
    expect(updates).toHaveLength(2)
    expectValid('top', updates)
    const web = bgtask(['web', '--json'])
    for await (const line of web.iterable()) {
      expectValid('web', [JSON.parse(String(line))])
      web.kill('SIGTERM')
    }
  })

  test('ls --watch prints documented JSON', async () => {
    const { bgtask, run } = cli()
    await run('sleep', '60')
    const watching = bgtask(['ls', '--watch', '--json'])
    for await (const line of watching.iterable()) {
      expectValid('lsWatch', [JSON.parse(String(line))])
      watching.kill('SIGKILL')
    }
  })

  test.for([
    { args: ['info', 'nobody'], code: 'ERR_BGTASK_NO_TASK', exitCode: 125 },
    { args: ['kill', 'nobody'], code: 'ERR_BGTASK_NO_TASK', exitCode: 125 },
    { args: ['ls', '--pool', '/none'], code: 'ERR_BGTASK_POOL_DIR', exitCode: 125 },
    { args: ['ls', '--sort'], code: 'ERR_BGTASK_USAGE', exitCode: 2 },
    { args: ['run', '--', 'no-such-program'], code: 'ERR_BGTASK_COMMAND', exitCode: 127 },
    { args: ['run', '-n', '1', '--', 'true'], code: 'ERR_BGTASK_USAGE', exitCode: 2 },
  ])('an error is JSON on stdout, and stderr is empty: $args', async ({ args, code, exitCode }) => {
    const { bgtask, run } = cli()
    await bgtask(['rm', await run('true')])
    const [command = '', ...rest] = args
    const result = await bgtask([command, '--json', ...rest])
    const line = JSON.parse(String(result.stdout))
    expectValid('error', [line])
    expect({ ...line.error, status: result.exitCode, stderr: result.stderr }).toMatchObject({
      code,
      exitCode,
      status: exitCode,
      stderr: '',
    })
  })

  test.for(COMMAND_NAMES)('%s with an unknown option prints a JSON error', async (name) => {
    const { stdout, stderr, exitCode } = await cli().bgtask([name, '--json', '--no-such-option'])
    expectValid('error', [JSON.parse(String(stdout))])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 2 })
  })

  test('--json after the command of a task belongs to the task', async () => {
    const { stderr, stdout } = await cli().bgtask(['run', '--', 'no-such-program', '--json'])
    expect({ stderr, stdout }).toEqual({ stderr: expect.stringContaining('not found'), stdout: '' })
  })

  test('the schema covers every command, and the tests above checked each', () => {
    expect([...covered].sort()).toEqual([...COMMAND_NAMES, 'error', 'lsWatch'].sort())
  })
})

/** Returns the schema with `additionalProperties: false` everywhere. */
function closed(node: unknown): object {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node as unknown as object
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, closed(value)]),
  )
  if ('properties' in copy && !('additionalProperties' in copy)) copy.additionalProperties = false
  return copy
}
