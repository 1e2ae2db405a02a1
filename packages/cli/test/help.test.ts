import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMMAND_NAMES, loadCommand } from '../src/program.js'
import { VERSION } from '../src/version.js'
import { cli } from './support/cli.js'

describe('help', () => {
  test('bgtask without arguments shows how to start, and lists every command', async () => {
    const { stdout, stderr, exitCode } = await cli().bgtask([])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(stdout).toContain('Start here:')
    for (const name of COMMAND_NAMES) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    expect(stdout).not.toContain('__')
  })

  test.for(COMMAND_NAMES)('%s --help has an example', async (name) => {
    const { stdout, exitCode } = await cli().bgtask([name, '--help'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples?:\\n(.*\\n)*.*bgtask ${name}`))
  })

  test.for([
    { args: ['help'], says: 'Start here:' },
    { args: ['help', 'logs'], says: 'Usage: bgtask logs' },
  ])('$args prints help', async ({ args, says }) => {
    expect(await cli().bgtask(args)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(says) })
  })

  test('--json is accepted before the command, and applies to errors, too', async () => {
    const { bgtask } = cli()
    expect(JSON.parse(String((await bgtask(['--json', 'ls'])).stdout))).toMatchObject({ tasks: [] })
    expect(JSON.parse(String((await bgtask(['--json', 'info', 'x'])).stdout))).toMatchObject({
      error: { exitCode: 125 },
    })
    expect(await bgtask(['--json'])).toMatchObject({
      exitCode: 2,
      stderr: '',
      stdout: expect.stringContaining('USAGE'),
    })
  })

  /** The help did not mention that options after the text are text. */
  test('send --help explains where the text begins', async () => {
    const { stdout } = await cli().bgtask(['send', '--help'])
    expect(String(stdout).replaceAll(/\s+/g, ' ')).toContain(
      'options after the first word are text, too; put -- before',
    )
  })

  test('help lists the shared options last', async () => {
    const { stdout } = await cli().bgtask(['ls', '--help'])
    const flags = [...String(stdout).matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag)
    expect(flags.slice(-3)).toEqual(['--pool', '--json', '--help'])
  })

  test.for([
    { args: ['lgos'], says: 'logs' },
    { args: ['lgos', '--help'], says: 'logs' },
    { args: ['help', 'lgos'], says: 'logs' },
    { args: ['ls', '--metta', 'a=b'], says: '--meta' },
    { args: ['run'], says: 'command' },
    { args: ['logs', '--timeout', 'soon', 'x'], says: '10s' },
    { args: ['ls', 'x'], says: 'too many arguments' },
    { args: ['frobnicate'], says: 'bgtask --help' },
  ])('$args exits with 2 and suggests a correction', async ({ args, says }) => {
    const { exitCode, stdout, stderr } = await cli().bgtask(args)
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringContaining(says) })
    expect(stderr).toMatch(/^bgtask: /)
  })

  test('--version prints the version of the manifest', async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))
    expect((await cli().bgtask(['--version'])).stdout).toBe(manifest.version)
    expect(VERSION).toBe(manifest.version)
  })

  test('every command and option has a description', async () => {
    for (const name of COMMAND_NAMES) {
      const command = await loadCommand(name)
      expect(command?.description(), name).toMatch(/^\w/)
      for (const option of command?.options ?? []) expect(option.description, `${name} ${option.flags}`).toMatch(/./)
    }
  })
})
