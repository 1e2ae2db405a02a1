import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { parseSegmentName, taskDirectoryName } from '@bgtask/os'
import type { SpoolOptions, TaskPool } from '@bgtask/pool'
import type { ReadResult } from '@bgtask/protocol'
import { connectSocket, RpcPeer } from '@bgtask/protocol/rpc'
import { eventually, isAlive, needs, processFds } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from './support/pools.js'

/** Small files, so that one is left for the next every few writes. */
const SPOOL = { maxBytes: 4_194_304, segmentBytes: 4_096 }

const numbers = (last: number) => Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('')

describe.each(['native', 'node'] as const)('output in files, with the supervisor %s', (supervisor) => {
  const spawn = (cmd: string, options: { pool?: TaskPool; spool?: SpoolOptions; maxReadBufSize?: number } = {}) => {
    const { pool = makePool({ supervisor }), ...rest } = options
    return pool.spawn({ cmd, spool: SPOOL, maxReadBufSize: 100_000, ...rest })
  }

  // At a number of answers each, so that some fall into the change from one file to the next.
  test.each([1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 70, 100])(
    'nothing that a reader has got is lost by a kill after %i answers',
    {
      timeout: 30_000,
    },
    async (answers) => {
      const task = await spawn('seq 1 100000; sleep 1000')
      const peer = await peerOf(task)
      let got = 0
      for (let count = 0; count < answers; count += 1) {
        const read = { streamId: 1, from: got, maxBytes: 1_000 + 37 * count, waitMs: 10_000 }
        const { offset, data, endOffset } = (await peer.call('readStream', [read])) as ReadResult
        expect(offset).toBe(got)
        got = Math.max(endOffset, got)
        if (count === answers - 1) process.kill(task.pid, 'SIGKILL')
        else got = offset + data.length
      }
      await eventually(() => !isAlive(task.pid))
      const kept = bytesOf(task, 1)
      expect(kept.length).toBeGreaterThanOrEqual(got)
      expect(numbers(100_000).startsWith(kept.toString())).toBe(true)
      const chunks = entriesOf(task)
      const covered = chunks.reduce((end, [stream, offset, length]) => {
        expect([stream, offset]).toEqual([1, end])
        return offset + length
      }, 0)
      expect(covered).toBeGreaterThanOrEqual(got)
      expect(covered).toBeLessThanOrEqual(kept.length)
    },
  )

  test('a restart goes on where the run before has ended', async () => {
    const task = await spawn('seq 1 20000')
    await task.wait()
    await task.restart()
    await task.wait({ run: 2 })
    expect(bytesOf(task, 1).toString()).toBe(numbers(20_000).repeat(2))
    const { firstOffset, endOffset } = await task.stdout.info()
    expect([firstOffset, endOffset]).toEqual([0, 2 * numbers(20_000).length])
  })

  describe.runIf(needs('root'))('on a disk that', () => {
    test('is full, the child runs on, and what is lost is reported as a gap', async () => {
      const pool = makePool({ supervisor })
      mountTmpfs(pool.path, '1m')
      const task = await spawn('seq 1 400000; echo done >&2', { pool, spool: { maxBytes: 67_108_864 } })
      expect(await task.wait()).toMatchObject({ exitCode: 0 })
      const whole = numbers(400_000)
      const info = await task.stdout.info()
      expect(info).toMatchObject({
        firstOffset: 0,
        endOffset: whole.length,
        error: expect.stringMatching(/^spool: .*space/),
      })
      expect(await readAll(task, whole)).toEqual({ gaps: 1, end: whole.length })
    })
  })

  test('a directory that is deleted is reported, and the child runs on', async () => {
    const task = await spawn('seq 1 1000; read go; seq 1001 2000; exit 4')
    await task.stdout.waitFor('1000\n')
    rmSync(directoryOf(task), { recursive: true })
    await task.stdin.write('\n')
    expect(await task.wait()).toMatchObject({ exitCode: 4 })
    expect((await task.stdout.info()).error).toMatch(/^spool: /)
    expect(await readAll(task, numbers(2_000))).toEqual({ gaps: 0, end: numbers(2_000).length })
  })

  test.each([
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('%s in the place of a file is left alone, and delays nothing', async (_, put) => {
    const task = await spawn('read go; seq 1 2000')
    const path = join(directoryOf(task), `1.${'4096'.padStart(16, '0')}`)
    put(path)
    await task.stdin.write('\n')
    expect(await task.wait()).toMatchObject({ exitCode: 0 })
    expect((await task.stdout.info()).error).toMatch(/^spool: /)
    expect(await readAll(task, numbers(2_000))).toEqual({ gaps: 0, end: numbers(2_000).length })
  })

  test('descriptors do not grow with runs, files and readers', { timeout: 60_000 }, async () => {
    const task = await spawn('seq 1 20000', { spool: { maxBytes: 65_536, segmentBytes: 4_096 }, maxReadBufSize: 1_000 })
    const round = async (run: number) => {
      await task.wait({ run })
      await task.stdout.read({ from: 0, maxBytes: 65_536 })
      return processFds(task.pid).size
    }
    const before = await round(1)
    for (let run = 2; run < 12; run += 1) {
      expect(await task.restart()).toBe(true)
      expect(await round(run)).toBeLessThanOrEqual(before + 2)
    }
  })
})

async function peerOf(task: Task): Promise<RpcPeer> {
  const peer = new RpcPeer(
    await connectSocket((task.taskPool as TaskPool).socketPath(task.pid), { timeoutMs: 5_000 }),
    {},
  )
  onTestFinished(() => peer.close())
  return peer
}

function directoryOf({ taskPool, taskId }: Task): string {
  return join((taskPool as TaskPool).path, taskDirectoryName(taskId as string))
}

/** What the files of a stream hold, which must follow each other without a gap. */
function bytesOf(task: Task, stream: 0 | 1 | 2): Buffer {
  const directory = directoryOf(task)
  const parts = readdirSync(directory)
    .sort()
    .flatMap((name) => {
      const segment = parseSegmentName(name)
      return segment?.stream === stream ? [{ from: segment.from, bytes: readFileSync(join(directory, name)) }] : []
    })
  const unit = stream === 0 ? 32 : 1
  let end = 0
  for (const { from, bytes } of parts) {
    expect(from * unit).toBe(end)
    end += bytes.length
  }
  return Buffer.concat(parts.map(({ bytes }) => bytes))
}

function entriesOf(task: Task): [number, number, number][] {
  const bytes = bytesOf(task, 0)
  return Array.from({ length: Math.floor(bytes.length / 32) }, (_, index) => {
    const fields = [0, 8, 16].map((place) => Number(bytes.readBigUInt64LE(index * 32 + place)))
    return fields as [number, number, number]
  })
}

/** Reads from the beginning; each byte must be that of the whole output at its offset. */
async function readAll(task: Task, whole: string): Promise<{ gaps: number; end: number }> {
  const bytes = Buffer.from(whole)
  let gaps = 0
  for (let from = 0; ; ) {
    const { offset, data, eof } = await task.stdout.read({ from, maxBytes: 100_000 })
    if (offset > from) gaps += 1
    expect(Buffer.compare(Buffer.from(data), bytes.subarray(offset, offset + data.length))).toBe(0)
    from = offset + data.length
    if (eof) return { gaps, end: from }
  }
}

/** A file system of its own, as large as `size`. */
function mountTmpfs(path: string, size: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path])
  // Lazily: what still runs may have files open there.
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]))
}
