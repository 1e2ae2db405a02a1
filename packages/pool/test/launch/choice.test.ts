import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processEnv, processStat, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { expectNothingLeft, makePool } from '../support/directory.js'
import { spawnTask } from '../support/tasks.js'

const built = resolve(import.meta.dirname, `../../../supervisor-linux-${process.arch}/bgtask-supervisor`)
const fixture = fileURLToPath(new URL('../fixtures/chosen.js', import.meta.url))

interface Report {
  outcomes: string[]
  kind: string
  reason: string
  warnings: { name: string; code: string; message: string }[]
}

/** What a program gets whose packages are found in a directory of their own, before those of the clone. */
async function choose(
  { program, mode = 0o755 }: { program: string | Buffer; mode?: number },
  supervisor = '',
): Promise<Report> {
  const modules = tempDir()
  const file = join(modules, `@bgtask/supervisor-linux-${process.arch}/bgtask-supervisor`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, program)
  chmodSync(file, mode)
  const pool = makePool()
  const env = { NODE_PATH: modules, BGTASK_SUPERVISOR: undefined }
  const { stdout } = await runNode(fixture, [pool.path, supervisor], { env })
  expectNothingLeft(pool)
  return JSON.parse(String(stdout))
}

function withVariable(value: string | undefined): void {
  const before = process.env.BGTASK_SUPERVISOR
  if (value === undefined) delete process.env.BGTASK_SUPERVISOR
  else process.env.BGTASK_SUPERVISOR = value
  onTestFinished(() => {
    if (before === undefined) delete process.env.BGTASK_SUPERVISOR
    else process.env.BGTASK_SUPERVISOR = before
  })
}

async function softwareOf(options: Parameters<typeof makePool>[0]): Promise<'native' | 'node'> {
  const { software } = await (await spawnTask(makePool(options))).info()
  return software.includes('native') ? 'native' : 'node'
}

describe.runIf(existsSync(built))('the supervisor of a pool', () => {
  test.each([
    { option: undefined, variable: undefined, software: 'native' },
    { option: 'auto', variable: undefined, software: 'native' },
    { option: 'native', variable: 'node', software: 'native' },
    { option: 'node', variable: 'native', software: 'node' },
    { option: undefined, variable: 'node', software: 'node' },
    { option: undefined, variable: 'native', software: 'native' },
    { option: undefined, variable: '', software: 'native' },
  ] as const)('is $software for the option $option and $variable in the environment', async (row) => {
    withVariable(row.variable)
    expect(await softwareOf(row.option === undefined ? {} : { supervisor: row.option })).toBe(row.software)
  })

  test('is that of supervisorCmd, whatever the option is', async () => {
    const { supervisorCmd } = makePool({ supervisor: 'node' })
    expect(await softwareOf({ supervisor: 'native', supervisorCmd })).toBe('node')
    const pool = makePool({ supervisor: 'node' })
    pool.supervisorCmd = [built]
    expect((await (await spawnTask(pool)).info()).software).toContain('native')
    expect(await pool.describeSupervisor()).toEqual({ kind: 'custom', argv: [built], reason: 'supervisorCmd is set' })
  })

  test('is described with the reason', async () => {
    withVariable(undefined)
    const { kind, argv, reason } = await makePool().describeSupervisor()
    expect({ kind, argv }).toEqual({ kind: 'native', argv: [built] })
    expect(reason).toMatch(/^@bgtask\/supervisor-native\/\d+\.\d+\.\d+, no other is asked for$/)
    expect(await makePool({ supervisor: 'node' }).describeSupervisor()).toMatchObject({
      kind: 'node',
      reason: 'the option supervisor is node',
    })
  })
})

test.each([
  ['the option supervisor', () => makePool({ supervisor: 'rust' as never }), 'supervisor'],
  [
    'BGTASK_SUPERVISOR',
    () => {
      withVariable('rust')
      return makePool()
    },
    'BGTASK_SUPERVISOR',
  ],
])('%s is refused for a supervisor that does not exist', (_, make, option) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option }))
})

// All reasons are tested beside `tryNativeSupervisor`.
const broken = [
  { what: 'may not be executed', program: '#!/bin/sh\n', mode: 0o644, reason: 'may not be executed' },
  { what: 'is another program', program: '#!/bin/sh\nexit 0\n', reason: 'it is not the native supervisor' },
]

describe('a native supervisor that does not run', () => {
  test.each(broken)(
    'because it $what is replaced by the one in Node, with one warning',
    async ({ reason, ...file }) => {
      expect(await choose(file)).toEqual({
        outcomes: ['node', 'node'],
        kind: 'node',
        reason: expect.stringContaining(reason),
        warnings: [{ name: 'BgTaskWarning', code: 'BGTASK_NATIVE_UNUSABLE', message: expect.stringContaining(reason) }],
      })
    },
  )

  test.each(broken)('because it $what is an error if it is demanded', async ({ reason, ...file }) => {
    const error = expect.stringMatching(
      new RegExp(`^ERR_BGTASK_INVALID_OPTION: supervisor cannot be used: .*${reason}`),
    )
    expect(await choose(file, 'native')).toMatchObject({ outcomes: [error, error], kind: 'supervisor', warnings: [] })
  })
})

describe.runIf(existsSync(built))('a custom supervisor that detaches', () => {
  test.each(['daemon', 'background'] as const)('leaves its caller in the %s without a shell', async (behavior) => {
    const pool = makePool({ supervisor: 'node', supervisorCmd: [built], supervisorDetaches: true })
    const { pid } = await spawnTask(pool, { cmd: 'sleep 1000', behavior })
    const [own, stat] = [processStat(process.pid), processStat(pid)]
    expect(processEnv(pid).BGTASK_DETACH).toBe('1')
    expect(stat?.ppid).not.toBe(process.pid)
    if (behavior === 'daemon') expect(stat?.session).not.toBe(own?.session)
    else expect(stat).toMatchObject({ session: own?.session, pgrp: own?.pgrp })
  })

  test('is a child of its caller in the foreground', async () => {
    const pool = makePool({ supervisor: 'node', supervisorCmd: [built], supervisorDetaches: true })
    const { pid } = await spawnTask(pool, { cmd: 'sleep 1000', behavior: 'foreground' })
    expect(processStat(pid)?.ppid).toBe(process.pid)
  })
})
