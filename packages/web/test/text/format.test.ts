import type { RecordedInfo } from '@bgtask/protocol'
import { expect, test } from 'vitest'
import {
  commandText,
  formatBytes,
  formatDuration,
  runDuration,
  stateText,
  taskProgress,
} from '../../src/browser/text/format.js'

test.each([
  [0, '0.0 s'],
  [9_940, '9.9 s'],
  [59_999, '59 s'],
  [61_000, '1m 01s'],
  [3_600_000, '1h 00m'],
  [90_000_000, '1d 1h'],
  [-5, '0.0 s'],
])('%d ms is formatted as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KiB'],
  [200 * 1024, '200 KiB'],
  [16 * 1024 ** 2, '16.0 MiB'],
])('%d bytes are formatted as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [['/bin/sh', '-c', 'a | b'], 'a | b'],
  [['node', 'x.js', 'two words'], 'node x.js "two words"'],
])('the command %j is shown as %s', (command, text) => {
  expect(commandText(command)).toBe(text)
})

test.each([
  [{ state: 'running' }, 'Running'],
  [{ state: 'exited', exitStatus: { exitCode: 3, signal: null, cause: 'exit' } }, 'Exit code 3'],
  [
    { state: 'exited', exitStatus: { exitCode: null, signal: 'SIGTERM', cause: 'stopped' } },
    'Ended by SIGTERM, stopped',
  ],
  [
    { state: 'exited', exitStatus: { exitCode: null, signal: 'SIGKILL', cause: 'timeout' } },
    'Ended by SIGKILL, timed out',
  ],
  [{ state: 'failed', failure: 'It crashed 10 times.' }, 'It crashed 10 times.'],
  [{ state: 'lost' }, 'Lost: the supervisor died, the exit status is unknown'],
])('the state of %j is shown as %s', (info, text) => {
  expect(stateText({ exitStatus: null, failure: null, ...info } as RecordedInfo)).toBe(text)
})

test.each([
  [undefined, undefined],
  [
    { done: 1, total: 4 },
    { part: 0.25, text: '1 of 4' },
  ],
  [
    { done: 9, total: 4, text: 'x' },
    { part: 1, text: '9 of 4 · x' },
  ],
  [{ done: 5 }, { part: undefined, text: '5' }],
  [{ text: 'starting' }, { part: undefined, text: 'starting' }],
  [{ done: '<b>', total: Number.NaN }, undefined],
  ['nonsense', undefined],
])('the progress %j is shown as %j', (progress, shown) => {
  expect(taskProgress({ meta: { progress } } as unknown as RecordedInfo)).toEqual(shown)
})

test('the duration of a run is unknown if its end is', () => {
  const info = { startedAt: 1_000, exitedAt: null, state: 'running' } as RecordedInfo
  expect(runDuration(info, 3_000)).toBe(2_000)
  expect(runDuration({ ...info, exitedAt: 1_500, state: 'exited' }, 3_000)).toBe(500)
  expect(runDuration({ ...info, state: 'lost' }, 3_000)).toBeUndefined()
})
