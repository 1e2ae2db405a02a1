import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually, needs, pathOf, processStat } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { endLeftovers } from '../../src/launch/leftovers.js'

/** A wrapper of Python may take long to start it on a busy machine. */
const STARTING_MS = 60_000

// It was taken for a zombie, and lived on.
test.runIf(needs('python3'))(
  'what a failed launch left is ended, also if its main thread has ended before',
  async () => {
    const mark = 'BGTASK_LAUNCH=0123456789abcdef'
    const program =
      'import ctypes, threading, time; threading.Thread(target=time.sleep, args=(1000,)).start(); print("up", flush=True); ctypes.CDLL(None).pthread_exit(None)'
    const child = spawn(pathOf('python3'), ['-c', program], {
      env: { ...process.env, BGTASK_LAUNCH: mark.slice('BGTASK_LAUNCH='.length) },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    await eventually(() => processStat(child.pid ?? 0)?.state === 'Z')
    await endLeftovers({ marks: [mark], since: undefined })
    expect(await ended).toEqual([null, 'SIGTERM'])
  },
  STARTING_MS,
)
