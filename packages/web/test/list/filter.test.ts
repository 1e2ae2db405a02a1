import type { RecordedInfo } from '@bgtask/protocol'
import { expect, test } from 'vitest'
import { isShown, type StateFilter } from '../../src/browser/list/filter.js'

const info = {
  taskId: 'c0ffee',
  supervisorPid: 4711,
  meta: { name: 'Nightly import', team: 'shop', job: { id: 7 }, flag: false },
  command: ['/bin/sh', '-c', 'import --all'],
  state: 'running',
  exitStatus: null,
} as unknown as RecordedInfo

test.each([
  { text: '', shown: true },
  { text: 'nightly', shown: true },
  { text: 'IMPORT nightly', shown: true },
  { text: '--all', shown: true },
  { text: '4711', shown: true },
  { text: 'c0ff', shown: true },
  { text: 'daily', shown: false },
  { text: 'nightly daily', shown: false },
  { text: 'team=shop', shown: true },
  { text: 'team=SHOP', shown: true },
  { text: 'team=sho', shown: false },
  { text: 'job.id=7', shown: true },
  { text: 'job.id=8', shown: false },
  { text: 'flag=false', shown: true },
  { text: 'flag=', shown: true },
  { text: 'other=', shown: false },
  { text: 'constructor=', shown: false },
  { text: 'team=shop import', shown: true },
])('the filter "$text" shows the task: $shown', ({ text, shown }) => {
  expect(isShown(info, text, 'all')).toBe(shown)
})

const exit = (exitCode: number | null, cause = 'exit') => ({
  exitCode,
  signal: exitCode === null ? 'SIGKILL' : null,
  cause,
})

test.each([
  { task: { state: 'running' }, shown: ['all', 'running'] },
  { task: { state: 'paused' }, shown: ['all', 'running'] },
  { task: { state: 'exited', exitStatus: exit(0) }, shown: ['all', 'ended'] },
  { task: { state: 'exited', exitStatus: exit(3) }, shown: ['all', 'ended', 'failed'] },
  { task: { state: 'exited', exitStatus: exit(null, 'signal') }, shown: ['all', 'ended', 'failed'] },
  { task: { state: 'exited', exitStatus: exit(null, 'stopped') }, shown: ['all', 'ended'] },
  { task: { state: 'failed', exitStatus: exit(1) }, shown: ['all', 'ended', 'failed'] },
  { task: { state: 'lost' }, shown: ['all', 'lost'] },
  { task: { state: 'orphaned' }, shown: ['all', 'lost'] },
])('a task with $task is shown under $shown', ({ task, shown }) => {
  const filters: StateFilter[] = ['all', 'running', 'ended', 'failed', 'lost']
  expect(filters.filter((filter) => isShown({ ...info, ...task } as RecordedInfo, '', filter))).toEqual(shown)
})
