import { eventually, isAlive } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

const ENDING = ['SIGQUIT', 'SIGABRT', 'SIGSEGV', 'SIGXCPU', 'SIGTRAP', 'SIGPWR'] as const

const IGNORED = [
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGPIPE',
  'SIGHUP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGSTKFLT',
  'SIGWINCH',
  'SIGCHLD',
] as const

describe.runIf(hasBinary())('signals to a supervisor', () => {
  test.each(ENDING)('%s terminates it in order', async (signal) => {
    const launch = new Launch().give({})
    const peer = await launch.connect()
    const { pid } = (await peer.call('getInfo')) as { pid: number }
    launch.process.kill(signal)
    expect(await launch.exitCode()).toBe(0)
    await eventually(() => !isAlive(pid))
  })

  test('all others are ignored', async () => {
    const launch = new Launch().give({})
    const peer = await launch.connect()
    for (const signal of IGNORED) launch.process.kill(signal)
    process.kill(launch.process.pid ?? 0, 40)
    expect(await peer.call('getInfo')).toMatchObject({ state: 'running' })
  })
})
