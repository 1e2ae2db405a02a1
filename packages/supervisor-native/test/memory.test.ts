import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { eventually, needs } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

const WRITE = { streamId: 0, data: Buffer.alloc(200_000), wait: true }

describe.runIf(hasBinary() && needs('prlimit'))('a supervisor that gets no memory', () => {
  test('goes on when there is some again', async () => {
    const launch = new Launch().give({})
    const pid = await launch.ready()
    const peer = await launch.connect()
    await peer.call('getInfo')
    limit(pid, `${memoryKb(pid) * 1024}`)
    // The child reads nothing, so that each of them is kept.
    const writes = Array.from({ length: 20 }, () => peer.call('writeStream', [WRITE]).catch(() => 'refused'))
    // It waits inside of the handling of a message, in poll without a descriptor.
    await eventually(() => readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith(POLL_WITHOUT_DESCRIPTORS))
    limit(pid, 'unlimited')
    await expect(Promise.race(writes)).resolves.toMatchObject({ acceptedOffset: expect.any(Number) })
    expect(await peer.call('getInfo')).toMatchObject({ supervisorPid: pid, state: 'running' })
  })
})

/** The number of the system call (ppoll on arm64), and its first two arguments. */
const POLL_WITHOUT_DESCRIPTORS = process.arch === 'arm64' ? '73 ' : '7 '

function limit(pid: number, bytes: string): void {
  execFileSync('prlimit', ['--pid', `${pid}`, `--as=${bytes}:unlimited`])
}

function memoryKb(pid: number): number {
  return Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
