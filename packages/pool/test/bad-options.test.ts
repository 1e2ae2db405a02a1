import { defaultTaskPool, LostTask, TaskPool } from '@bgtask/pool'
import { describe, expect, test } from 'vitest'
import { makePool } from './support/directory.js'
import { recordOf } from './support/records.js'

type Call = (options: never) => unknown

function lostTask(): LostTask {
  const directory = { path: '/nowhere', at: (name: string) => name, inode: '', trusts: () => false }
  const file = { ownerUid: 0, path: '/nowhere', inode: '', mtimeMs: 0 }
  return new LostTask(directory, { ...file, record: recordOf(1), supervisor: 'dead', isRetired: false, reason: 'died' })
}

/** Everything that takes options. */
const CALLS: Record<string, Call> = {
  TaskPool: (options) => new TaskPool(options && { path: '/nowhere', ...(options as object) }),
  defaultTaskPool: (options) => defaultTaskPool(options),
  spawn: (options) => makePool().spawn(options),
  search: (options) => makePool().search({}, options),
  taskByPid: (options) => makePool().taskByPid(1, options),
  lost: (options) => makePool().lost(options),
  sweep: (options) => makePool().sweep(options),
  prune: (options) => makePool().prune(options),
  watch: (options) => makePool().watch({}, options).next(),
  'LostTask.stop': (options) => lostTask().stop(options),
}

async function expectRefused(call: () => unknown, option: string): Promise<void> {
  const refused = (async () => call())()
  await expect(refused).rejects.toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', option })
}

// What parseOptions refuses is tested beside it; here, that every function uses it.
test.for(Object.entries(CALLS))('%s refuses null in place of its options, and an unknown option', async ([, call]) => {
  await expectRefused(() => call(null as never), 'options')
  await expectRefused(() => call({ timeOutMs: 5 } as never), 'timeOutMs')
})

test.for<[call: string, options: object, option: string]>([
  ['search', { onError: 'throw' }, 'onError'],
  ['search', { timeoutMs: '5' }, 'timeoutMs'],
  ['search', { signal: 'SIGINT' }, 'signal'],
  ['watch', { onError: null }, 'onError'],
  ['watch', { timeoutMs: 5 }, 'timeoutMs'],
  ['watch', { signal: 'SIGINT' }, 'signal'],
  ['lost', { onError: true }, 'onError'],
  ['sweep', { onError: {} }, 'onError'],
  ...['5', -1, Number.NaN].map((olderThanMs): [string, object, string] => ['sweep', { olderThanMs }, 'olderThanMs']),
  ['taskByPid', { timeoutMs: '5' }, 'timeoutMs'],
  ['taskByPid', { signal: 'INT' }, 'signal'],
  ['spawn', { cmd: 'true', restart: [] }, 'restart.on'],
  ['spawn', { cmd: 'true', stop: [null] }, 'stop.0'],
  ['defaultTaskPool', { path: '/elsewhere' }, 'path'],
  ['LostTask.stop', { steps: [{ killSignal: 'INT', waitMs: 1, wait: 2 }] }, 'steps.0.wait'],
  ['LostTask.stop', { timeoutMs: '5' }, 'timeoutMs'],
])('%s with %j names %s', async ([call, options, option]) => {
  await expectRefused(() => CALLS[call]?.(options as never), option)
})

test.for([
  ['search', () => makePool().search('name' as never)],
  [
    'watch',
    () =>
      makePool()
        .watch(7 as never)
        .next(),
  ],
] as const)('%s refuses a pattern that is none', async ([, call]) => {
  await expectRefused(call, 'pattern')
})

describe.for(['taskByPid', 'record', 'socketPath', 'outputPath'] as const)('%s', (method) => {
  test.for([0, -1, 1.5, Number.NaN, '5', null, '../5'])('refuses %j as a pid', async (pid) => {
    await expectRefused(() => makePool()[method](pid as never), 'pid')
  })
})
