import { ReadableStream } from 'node:stream/web'
import { expect, test } from 'vitest'
import { spawnTask, text } from './support/tasks.js'

/** More than a pipe and the supervisor's queue hold together. */
const MORE_THAN_FITS = 4 * 1024 * 1024

async function outputOf(task: Awaited<ReturnType<typeof spawnTask>>): Promise<string> {
  return new Response(task.stdout.readable() as globalThis.ReadableStream).text()
}

test('writes are acknowledged with offsets and reach the child in order', async () => {
  const task = await spawnTask({ exec: ['cat'] })
  expect(await task.stdin.write('é\n')).toBe(3)
  expect(await task.stdin.write(Uint8Array.of(97, 10))).toBe(5)
  expect(await task.stdin.write('')).toBe(5)
  await task.stdin.close()
  expect(await outputOf(task)).toBe('é\na\n')
  expect(await task.stdin.info()).toMatchObject({ acceptedOffset: 5, closed: true })
})

test('writes that are not waited for keep their order, long ones among them, and closing comes last', async () => {
  const task = await spawnTask({ exec: ['cat'] })
  const long = 'x'.repeat(700_000)
  const writes = ['a', long, 'b', long, 'c'].map((data) => task.stdin.write(data))
  const closed = task.stdin.close()
  expect(await Promise.all(writes)).toEqual([1, 700_001, 700_002, 1_400_002, 1_400_003])
  await closed
  expect(await outputOf(task)).toBe(`a${long}b${long}c`)
})

test('a child that does not read holds up the writer, who may refuse to wait', async () => {
  const task = await spawnTask({ cmd: 'read -r go; cat >/dev/null; echo done' })
  const write = task.stdin.write(Buffer.alloc(MORE_THAN_FITS, '-'))
  await expect(task.stdin.write('x', { wait: false })).rejects.toMatchObject({ code: 'ERR_BGTASK_WOULD_BLOCK' })
  await expect(task.stdin.write('x', { timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
  const reason = new Error('enough')
  await expect(task.stdin.write('x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const { acceptedOffset } = await task.stdin.info()
  expect(acceptedOffset).toBeLessThan(MORE_THAN_FITS)
  await task.kill('KILL')
  await expect(write).rejects.toMatchObject({ code: 'ERR_BGTASK_STDIN_CLOSED', name: 'StdinClosedError' })
})

test('without waiting the supervisor says when its queue is full, and takes more once the child reads', async () => {
  const task = await spawnTask({ cmd: 'trap "cat >/dev/null; exit" USR1; echo ready; while :; do sleep 0.01; done' })
  await task.stdout.waitFor('ready')
  const piece = Buffer.alloc(200_000)
  let accepted = 0
  const full = async () => {
    for (;;) accepted = await task.stdin.write(piece, { wait: false })
  }
  await expect(full()).rejects.toMatchObject({ code: 'ERR_BGTASK_WOULD_BLOCK' })
  const patient = task.stdin.write('more')
  await task.kill('USR1')
  expect(await patient).toBe(accepted + 4)
  await task.stdin.close()
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
})

test('closing at once drops what is queued', async () => {
  const task = await spawnTask({ cmd: 'trap "wc -c; exit" USR1; echo ready; while :; do sleep 0.01; done' })
  await task.stdout.waitFor('ready')
  await task.stdin.write(Buffer.alloc(600_000))
  await task.stdin.close({ immediate: true })
  await task.kill('USR1')
  const count = await task.stdout.waitFor(/(\d+)\n/)
  expect(Number(count?.captures[0])).toBeLessThan(600_000)
  await expect(task.stdin.write('x')).rejects.toMatchObject({ code: 'ERR_BGTASK_STDIN_CLOSED' })
})

test('a web stream is piped in, and its end closes stdin', async () => {
  const task = await spawnTask({ exec: ['cat'] })
  const source = new ReadableStream<string>({
    start(controller) {
      for (const part of ['one ', 'two ', 'three']) controller.enqueue(part)
      controller.close()
    },
  })
  await source.pipeTo(task.stdin.writable())
  expect(await outputOf(task)).toBe('one two three')
})

test('aborting a web stream ends a write that waits for room, and closes stdin', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const writer = task.stdin.writable().getWriter()
  const write = expect(writer.write(Buffer.alloc(MORE_THAN_FITS))).rejects.toThrow('enough')
  const closed = expect(writer.closed).rejects.toThrow('enough')
  await task.info()
  await writer.abort(new Error('enough'))
  await Promise.all([write, closed])
  expect(await task.stdin.info()).toMatchObject({ closed: true })
})

test('a task without stdin says so', async () => {
  const task = await spawnTask({ cmd: 'read -r line || echo nothing', stdin: 'null' })
  await expect(task.stdin.write('x')).rejects.toMatchObject({ code: 'ERR_BGTASK_STDIN_CLOSED' })
  expect(text((await task.stdout.read({ waitMs: 10_000 })).data)).toBe('nothing\n')
})
