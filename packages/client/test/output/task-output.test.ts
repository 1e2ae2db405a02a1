import type { OutputChunk, OutputGap } from '@bgtask/client'
import { eventually } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { collect, nextOf, secondView, spawnTask, text } from '../support/tasks.js'

/** Writes each line of its stdin as bytes with `printf`, so that a test decides where the chunks are cut. */
const PRINTER = 'while read -r part; do printf "$part"; done'

function textOf(items: readonly (OutputChunk | OutputGap)[]): string {
  return items.map((item) => (item.gap ? `[${item.from}-${item.to}]` : text(item.data))).join('')
}

test('reads by offset, as often as one likes, and says where the end is', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789; printf abc >&2' })
  await task.wait()
  expect(await task.stdout.read({ from: 3, maxBytes: 4 })).toMatchObject({ offset: 3, eof: false, endOffset: 10 })
  const { data, ...rest } = await task.stdout.read({ from: 7 })
  expect([text(data), rest]).toEqual(['789', { offset: 7, eof: true, endOffset: 10 }])
  expect(text((await task.stderr.read()).data)).toBe('abc')
  expect(text((await secondView(task).stdout.read()).data)).toBe('0123456789')
})

test('waits for a byte past `from`, and gives nothing when the time is up', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const read = task.stdout.read({ waitMs: 10_000 })
  await task.stdin.write('x\n')
  expect(text((await read).data)).toBe('x')
  expect(await task.stdout.read({ from: 1, waitMs: 10 })).toMatchObject({ offset: 1, eof: false, endOffset: 1 })
})

test('reading forgets nothing, a read that discards forgets what it returned', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789' })
  await task.wait()
  await task.stdout.read()
  expect(await task.stdout.info()).toMatchObject({
    firstOffset: 0,
    endOffset: 10,
    discarded: 0,
    eof: true,
    error: null,
  })
  expect(text((await task.stdout.read({ maxBytes: 4, discard: true })).data)).toBe('0123')
  expect(await task.stdout.info()).toMatchObject({ firstOffset: 4, discarded: 4 })
  expect(await task.stdout.discard(6)).toEqual({ firstOffset: 6, endOffset: 10 })
  expect(text((await task.stdout.read({ from: 0 })).data)).toBe('6789')
  expect(await task.stdout.discard()).toEqual({ firstOffset: 10, endOffset: 10 })
})

test('followers get all bytes and then the end, whenever they begin', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const early = collect(task.stdout.follow())
  await task.stdin.write('one-\n')
  await task.stdout.waitFor('one')
  const late = collect(secondView(task).stdout.follow())
  const resumed = collect(secondView(task).stdout.follow({ from: 2 }))
  await task.stdin.write('two\n')
  await task.stdin.close()
  expect(textOf(await early)).toBe('one-two')
  expect(textOf(await late)).toBe('one-two')
  expect(textOf(await resumed)).toBe('e-two')
})

test('following ends with the output, not with the child: a grandchild that holds the pipe writes on', async () => {
  const task = await spawnTask({
    cmd: '(while kill -0 $$; do sleep 0.01; done 2>/dev/null; echo grandchild) & echo child',
  })
  const all = collect(task.stdout.follow())
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
  expect(textOf(await all)).toBe('child\ngrandchild\n')
})

test('following goes on over restarts, at offsets that go on too', async () => {
  const restart = { on: 'failure', delayMs: 1, maxRestarts: 2 } as const
  const task = await spawnTask({ cmd: 'echo run; exit 1', restart })
  expect(textOf(await collect(task.stdout.follow()))).toBe('run\nrun\nrun\n')
  expect(await task.wait()).toMatchObject({ exitCode: 1, run: 3 })
})

test('a follower gets the last output of a task that is terminated, and its end', async () => {
  const task = await spawnTask({ cmd: 'trap "echo last; exit" TERM; echo first; while :; do sleep 0.01; done' })
  const all = collect(task.stdout.follow())
  await task.stdout.waitFor('first')
  const [items] = await Promise.all([all, task.terminateSupervisor()])
  expect(textOf(items)).toBe('first\nlast\n')
})

test('bytes that are no longer kept are told as a gap, before and while following', async () => {
  const task = await spawnTask({ cmd: `${PRINTER}; exec sleep 1000`, maxReadBufSize: 10 })
  await task.stdin.write('0123456789abcde\n')
  await task.stdout.waitFor('e')
  const follower = secondView(task).stdout.follow({ from: 0 })
  expect(await nextOf(follower)).toEqual({ gap: true, from: 0, to: 5 })
  const chunk = await nextOf(follower)
  expect(chunk).toMatchObject({ offset: 5 })
  // The follower is not asked meanwhile, so what it has not fetched is overwritten.
  await task.stdin.write('0123456789ABCDE\n')
  await task.stdout.waitFor('E', { gaps: 'skip' })
  expect(await nextOf(follower)).toEqual({ gap: true, from: 15, to: 20 })
  expect(textOf([await nextOf(follower)])).toBe('56789ABCDE')
})

test('a follower that begins with the oldest kept byte misses nothing, so it is told of no gap', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789abcde', maxReadBufSize: 10 })
  await task.wait()
  expect(textOf(await collect(task.stdout.follow()))).toBe('56789abcde')
})

test('not live, following and lines end with what is there, though the task goes on', async () => {
  const task = await spawnTask({ cmd: 'printf "one\\ntwo"; sleep 1000' })
  await task.stdout.waitFor('two')
  expect(await collect(task.stdout.follow({ live: false }))).toMatchObject([{ offset: 0 }])
  const lines = await collect(task.stdout.lines({ live: false }))
  expect(lines.map((line) => (line.gap ? 'gap' : line.line))).toEqual(['one', 'two'])
  expect(await collect(task.stderr.follow({ live: false }))).toEqual([])
})

test('a follower that begins beyond the end waits for that byte', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const follower = task.stdout.follow({ from: 5 })
  const first = nextOf(follower)
  await task.stdin.write('0123456\n')
  expect(await first).toMatchObject({ offset: 5, data: Buffer.from('56') })
})

test('a follower that discards frees a chunk when the next is asked for, never what it works on or has ahead', async () => {
  const task = await spawnTask({ cmd: 'head -c 2000000 /dev/zero; exec sleep 1000' })
  await eventually(async () => (await task.stdout.info()).endOffset === 2_000_000)
  const follower = task.stdout.follow({ discard: true })
  let finished = 0
  while (finished < 2_000_000) {
    const chunk = await nextOf(follower)
    expect(await task.stdout.info()).toMatchObject({ firstOffset: finished })
    if (!chunk.gap) finished = chunk.offset + chunk.data.length
  }
  expect(await task.stdout.info()).not.toMatchObject({ firstOffset: finished })
})

test('a task that blocks on a full buffer loses nothing to a follower that discards', async () => {
  const task = await spawnTask({ cmd: 'seq 1 200000', maxReadBufSize: 8192, overflow: 'block' })
  const lines = await collect(task.stdout.lines({ discard: true }))
  expect(lines.map((line) => (line.gap ? 'a gap' : line.line)).join()).toBe(
    Array.from({ length: 200_000 }, (_, index) => index + 1).join(),
  )
  expect(await task.stdout.info()).toMatchObject({ firstOffset: 1_288_895, endOffset: 1_288_895, eof: true })
})

test('following ends with the reason of its signal, or with a supervisor that dies', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const reason = new Error('enough')
  const controller = new AbortController()
  const aborted = expect(collect(task.stdout.follow({ signal: controller.signal }))).rejects.toBe(reason)
  const orphaned = expect(collect(task.stdout.follow())).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  const { pid: child } = await task.info()
  controller.abort(reason)
  await aborted
  process.kill(task.pid, 'SIGKILL')
  process.kill(child as number, 'SIGKILL')
  await orphaned
})

test('characters and lines that were cut come out whole', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const lines = task.stdout.lines()
  const first = nextOf(lines)
  for (const part of ['a\\342', '\\202', '\\254b', '\\r', '\\n', 'rest']) {
    const { endOffset } = await task.stdout.info()
    await task.stdin.write(`${part}\n`)
    await task.stdout.read({ from: endOffset, waitMs: 10_000 })
  }
  expect(await first).toEqual({ offset: 0, endOffset: 7, line: 'a€b', complete: true })
  await task.stdin.close()
  expect(await collect(lines)).toEqual([{ offset: 7, endOffset: 11, line: 'rest', complete: false }])
})

test('a gap cuts the line before it', async () => {
  const task = await spawnTask({ cmd: `${PRINTER}`, maxReadBufSize: 10 })
  await task.stdin.write('0123456789ab\\n---\n')
  await task.stdin.close()
  await task.wait()
  expect(await collect(task.stdout.lines({ from: 0 }))).toEqual([
    { gap: true, from: 0, to: 6 },
    { offset: 6, endOffset: 13, line: '6789ab', complete: true },
    { offset: 13, endOffset: 16, line: '---', complete: false },
  ])
})

test('lines that discard keep the unfinished line, so that a reader who dies loses nothing', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const lines = task.stdout.lines({ discard: true })
  await task.stdin.write('one\\ntw\n')
  expect(await nextOf(lines)).toMatchObject({ line: 'one' })
  const second = nextOf(lines)
  await eventually(async () => (await task.stdout.info()).firstOffset > 0)
  // It was freed when it had not gone on for half a second, though nothing needed the room.
  await task.stdout.read({ from: 6, waitMs: 800 })
  expect(await task.stdout.info()).toMatchObject({ firstOffset: 4, endOffset: 6, blocked: false })
  await task.stdin.write('o\\n\n')
  expect(await second).toMatchObject({ offset: 4, line: 'two' })
})

test('a line larger than the buffer of a task that blocks still comes', async () => {
  const task = await spawnTask({
    cmd: 'head -c 40000 /dev/zero | tr "\\0" x; echo',
    maxReadBufSize: 8192,
    overflow: 'block',
  })
  expect(await collect(task.stdout.lines({ discard: true }))).toEqual([
    { offset: 0, endOffset: 40_001, line: 'x'.repeat(40_000), complete: true },
  ])
})

test('a line above the bound comes in pieces', async () => {
  const task = await spawnTask({ cmd: 'printf "0123456789\\n"' })
  expect(await collect(task.stdout.lines({ maxLineBytes: 4 }))).toEqual([
    { offset: 0, endOffset: 4, line: '0123', complete: false },
    { offset: 4, endOffset: 8, line: '4567', complete: false },
    { offset: 8, endOffset: 11, line: '89', complete: true },
  ])
})

test('waits for text that is there already, that comes later, and that comes in parts', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  await task.stdin.write('listening on 80\n')
  await task.stdout.waitFor('on 80')
  const port = task.stdout.waitFor(/listening on (?<port>\d+)\n/)
  await task.stdin.write('80\\n\n')
  expect(await port).toEqual({
    offset: 0,
    endOffset: 18,
    text: 'listening on 8080\n',
    captures: ['8080'],
    groups: { port: '8080' },
  })
  const again = task.stdout.waitFor('listening', { from: 18 })
  await task.stdin.write('listening\n')
  expect(await again).toMatchObject({ offset: 18 })
})

test('waiting for text ends with the output, the deadline, or the signal', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  await expect(task.stdout.waitFor('never', { timeoutMs: 10 })).rejects.toMatchObject({
    code: 'ERR_BGTASK_TIMEOUT',
    timeoutMs: 10,
  })
  const reason = new Error('enough')
  await expect(task.stdout.waitFor('never', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await task.stdin.close()
  expect(await task.stdout.waitFor('never')).toBeUndefined()
})

test('a gap that may have held the text is an error, unless it is to be skipped', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789abcde', maxReadBufSize: 10 })
  await task.wait()
  await expect(task.stdout.waitFor('b', { from: 2 })).rejects.toMatchObject({
    code: 'ERR_BGTASK_OUTPUT_GAP',
    stream: 'stdout',
    from: 2,
    to: 5,
  })
  expect(await task.stdout.waitFor('b', { from: 2, gaps: 'skip' })).toMatchObject({ offset: 11 })
})

test('is read as a web stream, which frees what was taken from it if asked to', async () => {
  const task = await spawnTask({ cmd: 'seq 1 100000', maxReadBufSize: 8192, overflow: 'block' })
  const response = new Response(task.stdout.readable({ discard: true }) as ReadableStream)
  expect((await response.text()).split('\n').length).toBe(100_001)
})

test('a gap is an error of the web stream, unless it is to be skipped', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789abcde', maxReadBufSize: 10 })
  await task.wait()
  const broken = new Response(task.stdout.readable({ from: 0 }) as ReadableStream).text()
  await expect(broken).rejects.toMatchObject({ code: 'ERR_BGTASK_OUTPUT_GAP', from: 0, to: 5 })
  const whole = new Response(task.stdout.readable({ from: 0, gaps: 'skip' }) as ReadableStream).text()
  expect(await whole).toBe('56789abcde')
})

test('cancelling a web stream ends a read that waits, not the task', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const reader = task.stdout.readable().getReader()
  const read = reader.read()
  await reader.cancel()
  expect(await read).toEqual({ value: undefined, done: true })
  expect(await task.info()).toMatchObject({ state: 'running' })
})

test('after close nothing more is kept, and what is kept stays', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  await task.stdin.write('kept\n')
  await task.stdout.waitFor('kept')
  await task.stdout.close()
  await task.stdin.write('dropped\n')
  await task.stdin.close()
  expect(await collect(task.stdout.follow())).toEqual([
    { offset: 0, data: Buffer.from('kept') },
    { gap: true, from: 4, to: 11 },
  ])
  // The first byte that came took with it what was kept.
  expect(await task.stdout.info()).toMatchObject({ firstOffset: 0, endOffset: 11, discarded: 7, eof: true })
  await task.stdout.discard()
  expect(await task.stdout.info()).toMatchObject({ firstOffset: 11, endOffset: 11, discarded: 11 })
})

test('a hundred followers of one task hold up no other call, and let go of their connections', async () => {
  const task = await spawnTask({ cmd: PRINTER })
  const followers = Array.from({ length: 100 }, () => task.stdout.follow())
  const firsts = followers.map((follower) => nextOf(follower))
  // 32 polls a connection.
  await eventually(async () => (await task.info()).clientCount === 4)
  await task.stdin.write('go\n')
  expect(new Set((await Promise.all(firsts)).map((chunk) => textOf([chunk])))).toEqual(new Set(['go']))
  await eventually(async () => (await task.info()).clientCount === 1)
})
