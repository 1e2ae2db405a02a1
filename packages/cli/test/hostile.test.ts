import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { RpcPeer } from '@bgtask/protocol/rpc'
import { expect, onTestFinished, test } from 'vitest'
import { type Cli, cli } from './support/cli.js'

/** Sets the clipboard (OSC 52) and clears the screen, also with C1 controls, and reverses the text direction. */
const EVIL = '\u001b]52;c;aGk=\u0007\u001b[2J\u009b2J\u009d52;c;aGk=\u009c\u202e\nbgtask: all is well\r'
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds them.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const PID = 4_000_000

const stream = { firstOffset: 0, endOffset: 5, runOffset: 0, discarded: 0, eof: true, blocked: false, error: EVIL }
const survivors = [{ pid: 1, startTime: 1, command: EVIL }]
const exitStatus = { exitCode: null, signal: EVIL, cause: EVIL, survivors }
const INFOS = {
  'with wrong values': {
    command: 5,
    state: EVIL,
    exitStatus,
    meta: EVIL,
    cwd: 7,
    streams: EVIL,
    restart: EVIL,
    taskId: EVIL,
  },
  'with evil text': {
    taskId: '0123456789abcdef',
    command: [EVIL, EVIL],
    state: 'failed',
    failure: EVIL,
    exitStatus: { exitCode: 1, signal: null, cause: 'exit', survivors },
    meta: { name: EVIL, [EVIL]: EVIL, progress: { done: 1, total: 2, text: EVIL } },
    cwd: EVIL,
    lockfile: EVIL,
    software: EVIL,
    features: [EVIL],
    streams: { 1: stream, 2: stream, 0: { acceptedOffset: 0, writtenOffset: 0, closed: true, error: EVIL } },
    [EVIL]: EVIL,
  },
} as const

/** Creates a pool with a supervisor that answers with hostile text, and a good task. */
async function hostilePool(info: object): Promise<{ user: Cli; good: string }> {
  const user = cli()
  mkdirSync(user.poolPath, { mode: 0o700 })
  const good = await user.run('-n', 'good', '--', 'sleep', '1000')
  const answers: Record<string, unknown> = { getInfo: { ...info, pid: 1 }, stop: { exitStatus: null, survivors } }
  const onRequest = (method: string) => {
    if (method in answers) return answers[method]
    throw Object.assign(new Error(EVIL), { code: method === 'kill' ? EVIL : 'ERR_BGTASK_COMMAND', command: EVIL })
  }
  const server = createServer((socket) => void new RpcPeer(socket, { onRequest }))
  await once(server.listen(join(user.poolPath, `${PID}.sock`)), 'listening')
  onTestFinished(() => void server.close())
  return { user, good }
}

const COMMANDS: readonly (readonly string[])[] = [
  ['ls', '-a'],
  ['top', '-a', '-n', '1', '-d', '100ms'],
  ['info', String(PID)],
  ['meta', String(PID)],
  ['stop', String(PID)],
  ['kill', String(PID)],
  ['restart', String(PID)],
  ['wait', String(PID)],
  ['logs', String(PID)],
  ['send', String(PID), 'x'],
  ['rm', String(PID)],
  ['rm', '-f', String(PID)],
  ['doctor'],
  ['__complete', 'stop', ''],
]

test.each(Object.entries(INFOS))('control characters of a supervisor never reach the terminal: %s', async (_, info) => {
  const { user } = await hostilePool(info)
  for (const command of COMMANDS) {
    for (const args of [command, [...command, '--json']]) {
      if (args[0] === '__complete' && args.includes('--json')) continue
      const { stdout, stderr } = await user.bgtask(args, { env: { BGTASK_DEBUG: '1' } })
      expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(CONTROLS)
      expect(String(stdout), args.join(' ')).not.toMatch(/^bgtask:/m)
    }
  }
})

test('JSON preserves the text of a supervisor, escaped', async () => {
  const { user } = await hostilePool(INFOS['with evil text'])
  const [{ task }] = (await user.json('info', String(PID))) as [{ task: { command: string[] } }]
  expect(task.command).toEqual([EVIL, EVIL])
  expect((await user.bgtask(['info', String(PID)])).stdout).toContain('\ufffd]52;c;aGk=\ufffd')
  expect(JSON.parse(String((await user.bgtask(['meta', String(PID)])).stdout))).toMatchObject({ name: EVIL })
})

// The supervisor names pid 1 as its child: top showed what all processes of the machine use as what this task uses.
test('top shows no usage of a process that is the child of a task by the word of its supervisor alone', async () => {
  const { user, good } = await hostilePool({ ...INFOS['with evil text'], state: 'running' })
  const [top] = await user.json('top', '-a', '-n', '1', '-d', '100ms')
  const { tasks } = top as { tasks: { id: number; memoryBytes: number | null; cpuPercent: number | null }[] }
  expect(tasks.find(({ id }) => id === PID)).toMatchObject({ memoryBytes: null, cpuPercent: null })
  expect(tasks.find(({ id }) => id === Number(good))?.memoryBytes).toBeGreaterThan(0)
})

// doctor advised `kill -9` for the pid in the name of the socket, which may be any process of whoever follows that.
test('doctor advises no signal to a process that no record proves to be the supervisor', async () => {
  const { user } = await hostilePool(INFOS['with evil text'])
  const server = createServer(() => {})
  await once(server.listen(join(user.poolPath, `${process.pid}.sock`)), 'listening')
  onTestFinished(() => void server.close())
  const [{ findings }] = (await user.json('doctor')) as [{ findings: { message: string; advice: string }[] }]
  const { advice } = findings.find(({ message }) => message.startsWith(`${process.pid}: `)) ?? {}
  expect(advice).toMatch(/^do not signal process/)
  expect(JSON.stringify(findings)).not.toContain('kill -')
})

// The last moment of a Date is earlier than the largest integer that a message may hold.
test('info shows a task whose supervisor gives times that no date can be', async () => {
  const late = Number.MAX_SAFE_INTEGER
  const { user } = await hostilePool({ ...INFOS['with evil text'], startedAt: late, exitedAt: late, createdAt: late })
  expect(await user.bgtask(['info', String(PID)])).toMatchObject({ exitCode: 0, stderr: '' })
})

test.each(Object.entries(INFOS))('ls, top and doctor still show other tasks beside one %s', async (_, info) => {
  const { user, good } = await hostilePool(info)
  const ls = await user.bgtask(['ls', '-aq'])
  expect({ exitCode: ls.exitCode, ids: String(ls.stdout).split('\n').sort() }).toEqual({
    exitCode: 0,
    ids: [good, String(PID)].sort(),
  })
  const [top] = await user.json('top', '-a', '-n', '1', '-d', '100ms')
  expect(top).toMatchObject({ tasks: expect.arrayContaining([expect.objectContaining({ id: Number(good) })]) })
  expect((await user.json('doctor'))[0]).toMatchObject({
    findings: expect.arrayContaining([expect.objectContaining({ check: 'supervisors', message: '2 responding' })]),
  })
})
