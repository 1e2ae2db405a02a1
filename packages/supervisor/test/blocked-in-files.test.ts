import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HeldDirectory } from '@bgtask/os'
import type { LaunchSpec, OutputStreamId, ReadResult } from '@bgtask/protocol'
import { eventually, tempDir } from '@bgtask/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { TaskDirectory } from '../src/directory/task-directory.js'
import { OrderLog } from '../src/streams/order-log.js'
import { OutputStream } from '../src/streams/output.js'
import { openSpoolFiles, Spool } from '../src/streams/spool/spool.js'
import { plainSpec } from './support/spec.js'

/** Two files are deleted before there is room for a read, a quarter of `maxBytes`. */
const SPOOL = { maxBytes: 32_768, segmentBytes: 4_096, sync: 'none' } as const
const SIGNAL = new AbortController().signal

test('the drain at an exit keeps the order of bytes, while files of a blocked output are deleted', async () => {
  const pipe = join(tempDir(), 'pipe')
  execFileSync('mkfifo', [pipe])
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  const output = spooledOutput()
  output.attach(fd)
  const bytes = randomBytes(40_000)
  expect(writeSync(fd, bytes)).toBe(bytes.length)
  await eventually(() => output.endOffset === SPOOL.maxBytes && output.info().blocked)
  const first = await readAll(output, 0)
  output.discard(3 * SPOOL.segmentBytes)
  while (output.info().blocked) await nextTurn()
  output.drain()
  await eventually(() => output.endOffset > SPOOL.maxBytes + 1)
  const rest = await readAll(output, first.length)
  expect(Buffer.concat([first, rest]).equals(bytes.subarray(0, first.length + rest.length))).toBe(true)
})

function spooledOutput(): OutputStream {
  const parent = new HeldDirectory(tempDir())
  const spec: LaunchSpec = { ...plainSpec(parent.path, ['true']), overflow: 'block', spool: SPOOL }
  const directory = TaskDirectory.make(parent, spec.taskId, spec.access)
  const files = openSpoolFiles(spec, SPOOL, directory)
  const order = new OrderLog(Date.now, 0)
  const output = new OutputStream({
    streamId: 1,
    capacity: 2 ** 20,
    overflow: 'block',
    isSpooled: true,
    startOffset: 0,
    onChunk: (streamId: OutputStreamId, offset: number, length: number) => {
      order.add(streamId, offset, length)
      spool.wake()
    },
    onEnd: () => {},
    onError: () => {},
  })
  const events = { onPublished: () => {}, onError: () => {}, log: () => {} }
  const spool = new Spool(spec, directory, files, { outputs: [output], order }, events)
  onTestFinished(async () => {
    output.detach()
    await spool.close()
    directory.remove()
    parent.close()
  })
  return output
}

async function readAll(output: OutputStream, from: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = from; at < output.endOffset; ) {
    const { data }: ReadResult = await output.read({
      from: at,
      maxBytes: 65_536,
      waitMs: 0,
      discard: false,
      signal: SIGNAL,
    })
    parts.push(Buffer.from(data))
    at += data.length
  }
  return Buffer.concat(parts)
}
