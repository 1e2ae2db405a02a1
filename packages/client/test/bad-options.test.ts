import { createServer } from 'node:net'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WAITING_CALLS } from './support/calls.js'
import { customTask } from './support/tasks.js'

type Call = (task: Task, options: never) => unknown

// These two spread their options, and so cannot tell what is none.
const { 'stdin.close at once': _close, 'stdout.read that polls': _read, ...PLAIN_CALLS } = WAITING_CALLS

/** Every call that takes options; all reject, but for `readable`, which throws. */
const CALLS: Record<string, Call> = {
  connect: (task, options) => task.connect(options),
  ...PLAIN_CALLS,
  'stdout.follow': (task, options) => task.stdout.follow(options).next(),
  'stdout.lines': (task, options) => task.stdout.lines(options).next(),
  'stdout.readable': async (task, options) => task.stdout.readable(options),
  'output.follow': (task, options) => task.output.follow(options).next(),
}

/** A task whose supervisor must not be bothered. */
async function untouchedTask(): Promise<Task> {
  const path = join(tempDir(), '1.sock')
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const task = Task.at(path)
  onTestFinished(async () => {
    task.disconnect()
    await new Promise((resolve) => server.close(resolve))
    expect(connections).toBe(0)
  })
  return task
}

async function expectRefused(call: Call, options: unknown, option: string, got: unknown): Promise<void> {
  const task = await untouchedTask()
  const refused: unknown = call(task, options as never)
  await expect(refused).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option, got })
}

// What parseOptions refuses is tested beside it; here, that every method uses it.
test.for(Object.entries(CALLS))('%s refuses null in place of its options, and an unknown option', async ([, call]) => {
  await expectRefused(call, null, 'options', null)
  await expectRefused(call, { timeOutMs: 5 }, 'timeOutMs', 'timeOutMs')
})

/** One wrong value of each option; `from.seq` means `{ from: { seq: value } }`. */
const REFUSED: [name: string, option: string, value: unknown, named?: string][] = [
  ...['read', 'follow', 'lines', 'waitFor', 'readable'].flatMap((name): [string, string, unknown][] => [
    [`stdout.${name}`, 'from', -1],
    [`stdout.${name}`, 'discard', 'no'],
  ]),
  ...['follow', 'lines', 'waitFor', 'readable'].map((name): [string, string, unknown] => [`stdout.${name}`, 'live', 0]),
  ['stdout.read', 'maxBytes', -1],
  ['stdout.read', 'waitMs', 60_001],
  ['stdout.lines', 'maxLineBytes', 0],
  ['stdout.waitFor', 'maxMatchBytes', 1.5],
  ['stdout.waitFor', 'gaps', 'ignore'],
  ['stdout.readable', 'gaps', 'ignore'],
  ['output.follow', 'from', 5],
  ['output.follow', 'from.seq', -1],
  ['output.follow', 'from.stdErr', 5, 'from.stdErr'],
  ['output.follow', 'discard', 'no'],
  ['output.follow', 'live', 0],
  ['output.order', 'from', -1],
  ['output.order', 'maxChunks', 4_097],
  ['output.order', 'waitMs', -1],
  ['stdin.write', 'wait', 'no'],
  ['stdin.close', 'immediate', 'no'],
  ['kill', 'tree', 'no'],
  ['restart', 'stop', 'no'],
  ['pause', 'tree', false],
  ['wait', 'run', 0],
  ['stop', 'steps', []],
  ['stop', 'steps.0', [{ killSignal: 'NOPE', waitMs: 1 }], 'steps.0.killSignal'],
  ['stop', 'steps.0', [{ killSignal: 'INT', waitMs: -1 }], 'steps.0.waitMs'],
  ['stop', 'steps.0', [{ killSignal: 'INT', waitMs: 1, wait: 2 }], 'steps.0.wait'],
  ['terminateSupervisor', 'steps.0', [5]],
]

test.for(REFUSED)('%s names %s', async ([name, option, value, named = option]) => {
  const task = await untouchedTask()
  const [outer, inner] = option.split('.') as [string, string?]
  const nested = inner === '0' ? value : { seq: 0, [inner ?? '']: value }
  const refused = CALLS[name]?.(task, { [outer]: inner === undefined ? value : nested } as never)
  await expect(refused).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option: named })
})

test('a signal of null is none, as it is for Node', async () => {
  const task = await customTask({
    readStream: () => ({ offset: 0, data: new Uint8Array(0), eof: true, endOffset: 0 }),
    stop: () => ({ exitStatus: null, survivors: [] }),
  })
  const signal = null as never
  expect(await task.stdout.follow({ signal }).next()).toMatchObject({ done: true })
  expect(await task.stdout.readable({ signal }).getReader().read()).toMatchObject({ done: true })
  expect(await task.stop({ signal })).toMatchObject({ survivors: [] })
})

describe('what is no option is named, too:', () => {
  const calls: [title: string, call: (task: Task) => unknown, option: string][] = [
    ['the socket of a task', () => Task.at(5 as never), 'socketPath'],
    ['the pool of a task', () => new Task(null as never, 1), 'taskPool'],
    ['a signal to kill with', (task) => task.kill(['INT'] as never), 'killSignal'],
    ['no signal', (task) => task.kill(null as never), 'killSignal'],
    ['a patch', (task) => task.applyMeta(null as never), 'patch'],
    ['how far it is', (task) => task.progress(null as never), 'progress'],
    ['a typo in it', (task) => task.progress({ don: 1 } as never), 'progress.don'],
    ['a stream', (task) => task.stream('out' as never), 'stream'],
    ['a pattern', (task) => task.stdout.waitFor(5 as never), 'pattern'],
    ['an offset', (task) => task.stdout.discard('5' as never), 'upTo'],
    ['data', (task) => task.stdin.write(null as never), 'data'],
    ['more data than one call carries', (task) => task.stdin.write(Buffer.alloc(300_000), { wait: false }), 'wait'],
  ]
  test.for(calls)('%s', async ([, call, option]) => {
    const task = await untouchedTask()
    await expect((async () => call(task))()).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option })
  })
})
