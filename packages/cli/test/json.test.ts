import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { COMMAND_NAMES } from '../src/program.js'
import { cli } from './support/cli.js'

const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../schema/v1.json'), 'utf8'))

/** Whoever reads must ignore unknown keys; here one that is not documented is a mistake. */
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
  test('run and wait', async () => {
    const { json } = cli()
    expectValid('run', await json('run', '-n', 'job', '--', 'true'))
    expectValid('run', await json('run', '--wait', '--', 'sh', '-c', 'kill $$'))
    expectValid('run', await json('run', '--ready', 'x', '--', 'false'))
    expectValid('wait', await json('wait', 'job'))
  })

  test('what looks at tasks', async () => {
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

  test('what acts on tasks', async () => {
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

  test('ls --watch', async () => {
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
  ])('an error is JSON on stdout, and nothing is on stderr: $args', async ({ args, code, exitCode }) => {
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

  test('of a command of the task itself is none of ours', async () => {
    const { stderr, stdout } = await cli().bgtask(['run', '--', 'no-such-program', '--json'])
    expect({ stderr, stdout }).toEqual({ stderr: expect.stringContaining('not found'), stdout: '' })
  })

  test('the schema has every command that prints, and the tests above saw each', () => {
    const printing = COMMAND_NAMES.filter((name) => !['attach', 'completion', 'web'].includes(name))
    expect([...covered].sort()).toEqual([...printing, 'error', 'lsWatch'].sort())
    expect(Object.keys(schema.$defs)).toEqual(expect.arrayContaining([...printing, 'web']))
  })
})

/** The schema without room for what it does not name. */
function closed(node: unknown): object {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node as unknown as object
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, closed(value)]),
  )
  if ('properties' in copy && !('additionalProperties' in copy)) copy.additionalProperties = false
  return copy
}
