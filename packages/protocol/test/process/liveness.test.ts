import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { needs, pathOf, runNode } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { type Liveness, liveness, type ProcessIdentity, processIdentity } from '../../src/index.js'

const FIXTURE = join(import.meta.dirname, '../fixtures/liveness.js')

const here = processIdentity()

const ROWS: [string, Partial<ProcessIdentity>, Liveness][] = [
  ['this process', {}, 'alive'],
  ['this process, of which nobody knows when it started', { startTime: null }, 'alive'],
  ['an earlier process with that pid', { startTime: 1 }, 'dead'],
  ['a pid that nobody has', { pid: 2 ** 22 + 1 }, 'dead'],
  ['an earlier boot', { bootId: 'earlier' }, 'dead'],
  ['another machine', { machineId: 'another' }, 'unknown'],
  ['another machine and boot', { machineId: 'another', bootId: 'another' }, 'unknown'],
  ['another pid namespace', { pidNamespace: 'pid:[1]' }, 'unknown'],
]

test.each(ROWS)('%s', (_, changes, expected) => {
  expect(liveness({ ...here, ...changes })).toBe(expected)
})

describe.runIf(needs('root', 'unshare'))('on a machine without an id, as many containers are', () => {
  test('another boot may be another machine, so what lived there is not known to be dead', () => {
    const identities = [{}, { bootId: 'another' }].map((changes) => ({ ...here, machineId: '', ...changes }))
    const hide = 'mount --bind /dev/null /etc/machine-id && exec "$@"'
    const argv = ['--mount', '/bin/sh', '-c', hide, 'sh', process.execPath, FIXTURE, JSON.stringify(identities)]
    expect(JSON.parse(execFileSync(pathOf('unshare'), argv, { encoding: 'utf8' }))).toEqual(['alive', 'unknown'])
  })

  test('as against one that has an id', async () => {
    const { stdout } = await runNode(FIXTURE, [JSON.stringify([here, { ...here, bootId: 'another' }])])
    expect(JSON.parse(String(stdout))).toEqual(['alive', 'dead'])
  })
})
