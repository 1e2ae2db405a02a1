import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
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

const NO_OPTIONS: [title: string, value: unknown][] = [
  ['null', null],
  ['a number', 5],
  ['text', 'text'],
  ['true', true],
  ['an array', [{}]],
  ['a function', () => {}],
  ['a signal', AbortSignal.abort()],
  ['a map', new Map()],
  ['a promise', Promise.resolve({})],
]

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

describe.for(Object.entries(CALLS))('%s', ([, call]) => {
  test.for(NO_OPTIONS)('refuses %s in the place of its options', async ([, options]) => {
    await expectRefused(call, options, 'options', options)
  })

  test('names an option that it does not know', async () => {
    await expectRefused(call, { timeOutMs: 5 }, 'timeOutMs', 5)
    await expectRefused(call, { undefinedToo: undefined }, 'undefinedToo', undefined)
  })
})

const COUNTS = [-1, 1.5, '5', Number.NaN, Number.POSITIVE_INFINITY, null, {}]
const FLAGS = ['no', 0, null]

/** Which values of which options are refused; `from.seq` means `{ from: { seq: value } }`. */
const REFUSED: [name: string, option: string, values: unknown[], named?: string][] = [
  ...['read', 'follow', 'lines', 'waitFor', 'readable'].flatMap((name): [string, string, unknown[]][] => [
    [`stdout.${name}`, 'from', COUNTS],
    [`stdout.${name}`, 'discard', FLAGS],
  ]),
  ...['follow', 'lines', 'waitFor', 'readable'].map((name): [string, string, unknown[]] => [
    `stdout.${name}`,
    'live',
    FLAGS,
  ]),
  ['stdout.read', 'maxBytes', [...COUNTS, 0]],
  ['stdout.read', 'waitMs', [...COUNTS, 60_001]],
  ['stdout.lines', 'maxLineBytes', [0, -1, 1.5, '5', Number.NaN, null]],
  ['stdout.waitFor', 'maxMatchBytes', [0, -1, 1.5, '5', Number.NaN, null]],
  ['stdout.waitFor', 'gaps', ['ignore', true, null]],
  ['stdout.readable', 'gaps', ['ignore', true, null]],
  ['output.follow', 'from', [5, 'x', null]],
  ['output.follow', 'from.seq', [...COUNTS, undefined]],
  ['output.follow', 'from.stdout', COUNTS],
  ['output.follow', 'from.stdErr', [5]],
  ['output.follow', 'discard', FLAGS],
  ['output.follow', 'live', FLAGS],
  ['output.order', 'from', COUNTS],
  ['output.order', 'maxChunks', [...COUNTS, 0, 4_097]],
  ['output.order', 'waitMs', COUNTS],
  ['stdin.write', 'wait', FLAGS],
  ['stdin.close', 'immediate', FLAGS],
  ['kill', 'tree', FLAGS],
  ['pause', 'tree', [false]],
  ['wait', 'run', [...COUNTS, 0]],
  ['stop', 'steps', [0, '', null, []]],
  ['stop', 'steps.0', [{ killSignal: 'INT', waitMs: 1, wait: 2 }], 'steps.0.wait'],
  ['terminateSupervisor', 'steps.0', [5]],
]

const CASES = REFUSED.flatMap(([name, option, values, named = option]) =>
  values.map((got) => ({ name, option, got, named, shown: inspect(got) })),
)

test.for(CASES)('$name names $named where $option is $shown', async ({ name, option, got, named }) => {
  const task = await untouchedTask()
  const [outer, inner] = option.split('.') as [string, string?]
  const nested = inner === '0' ? [got] : { seq: 0, [inner ?? '']: got }
  const refused = CALLS[name]?.(task, { [outer]: inner === undefined ? got : nested } as never)
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
  ]
  test.for(calls)('%s', async ([, call, option]) => {
    const task = await untouchedTask()
    await expect((async () => call(task))()).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option })
  })
})
