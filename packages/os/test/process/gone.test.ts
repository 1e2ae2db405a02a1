import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { processGone, readProcessStat } from '@bgtask/os'
import { needs } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'

/** A program that starts a process, does not wait for it when it has ended, and prints its pid. */
async function unreaped(): Promise<{ pid: number; startTime: number }> {
  const parent = spawn('perl', ['-e', '$| = 1; unless ($p = fork) { sleep 1000 } print "$p\\n"; sleep 1000'])
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  return { pid, startTime: readProcessStat(pid)?.startTime ?? 0 }
}

describe('a process that is waited for', () => {
  test.runIf(needs('perl'))('is gone when it is a zombie', async () => {
    const ending = await unreaped()
    const gone = processGone({ ...ending, timeoutMs: 10_000 })
    process.kill(ending.pid, 'SIGKILL')
    expect(await gone).toBe(true)
    expect(readProcessStat(ending.pid)?.state).toBe('Z')
  })

  test('is gone when another one has its pid', async () => {
    expect(await processGone({ pid: process.pid, startTime: 1, timeoutMs: 10_000 })).toBe(true)
  })

  test('is still there when the time is up, or the signal aborts', async () => {
    const startTime = readProcessStat(process.pid)?.startTime ?? 0
    expect(await processGone({ pid: process.pid, startTime, timeoutMs: 20 })).toBe(false)
    const controller = new AbortController()
    const gone = processGone({ pid: process.pid, startTime, timeoutMs: 10_000 }, controller.signal)
    controller.abort(new Error('enough'))
    await expect(gone).rejects.toThrow('enough')
  })
})
