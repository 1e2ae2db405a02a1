import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { liveness, processIdentity } from '@bgtask/os'
import type { Liveness, ProcessIdentity } from '@bgtask/protocol'
import { needs, pathOf, runNode } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'

const FIXTURE = join(import.meta.dirname, '../fixtures/liveness.js')

const here = processIdentity()
const UTF8 = { encoding: 'utf8' } as const

const ROWS: [string, Partial<ProcessIdentity>, Liveness][] = [
  ['this process', {}, 'alive'],
  ['this process, of which nobody knows when it started', { startTime: null }, 'alive'],
  ['an earlier process with that pid', { startTime: 1 }, 'dead'],
  ['a pid that nobody has', { pid: 2 ** 22 + 1 }, 'dead'],
  ['an earlier boot', { bootId: 'earlier' }, 'dead'],
  ['another machine', { machineId: 'another' }, 'unknown'],
  ['another machine and boot', { machineId: 'another', bootId: 'another' }, 'unknown'],
  ['another pid namespace', { pidNamespace: 'pid:[1]' }, 'unknown'],
  ['another time namespace, in which it may have started at another moment', { timeNamespace: 'time:[1]' }, 'unknown'],
  ['another time namespace, but a pid that nobody has', { timeNamespace: 'time:[1]', pid: 2 ** 22 - 1 }, 'dead'],
  ['a supervisor that says nothing of its time namespace', { timeNamespace: undefined }, 'alive'],
]

test.each(ROWS)('%s', (_, changes, expected) => {
  expect(liveness({ ...here, ...changes })).toBe(expected)
})

describe.runIf(needs('root', 'unshare'))('on a machine without an id, as many containers are', () => {
  test('another boot may be another machine, so what lived there is not known to be dead', () => {
    const identities = [{}, { bootId: 'another' }].map((changes) => ({ ...here, machineId: '', ...changes }))
    const hide = 'mount --bind /dev/null /etc/machine-id && exec "$@"'
    const argv = ['--mount', '/bin/sh', '-c', hide, 'sh', process.execPath, FIXTURE, JSON.stringify(identities)]
    expect(JSON.parse(execFileSync(pathOf('unshare'), argv, UTF8))).toEqual(['alive', 'unknown'])
  })

  test('as against one that has an id', async () => {
    const { stdout } = await runNode(FIXTURE, [JSON.stringify([here, { ...here, bootId: 'another' }])])
    expect(JSON.parse(String(stdout))).toEqual(['alive', 'dead'])
  })
})

describe.runIf(needs('root', 'unshare', 'setpriv'))('what cannot be seen from here is not dead', () => {
  const seen = (argv: string[], identities: object[]): Liveness[] =>
    JSON.parse(execFileSync(pathOf('unshare'), [...argv, process.execPath, FIXTURE, JSON.stringify(identities)], UTF8))
  const shell = (script: string) => ['/bin/sh', '-c', `${script} "$@"`, 'sh']
  const nobodys = { ...here, pid: 2 ** 22 - 1 }

  test('the process of another user that hidepid hides, as against a pid that nobody has', () => {
    const hide = 'mount -t proc -o hidepid=2 proc /proc && exec'
    const argv = ['--mount', ...shell(hide), pathOf('setpriv'), '--reuid=12002', '--regid=12002', '--clear-groups']
    expect(seen(argv, [here, { ...here, startTime: 1 }, nobodys])).toEqual(['unknown', 'unknown', 'dead'])
  })

  test('a process whose start time is read in another time namespace', () => {
    const argv = ['--time', '--boottime', '1000000', '--fork', ...shell('exec')]
    expect(seen(argv, [here, nobodys])).toEqual(['unknown', 'dead'])
  })

  test('any process, where /proc shows the pids of another pid namespace', () => {
    // In a namespace of its own, whose link it does not know beforehand.
    const argv = ['--pid', '--fork', '--kill-child', ...shell('exec')]
    expect(seen(argv, [{ ...here, pidNamespace: 'own', pid: 1 }, here])).toEqual(['unknown', 'unknown'])
  })
})
