import { expect, test } from 'vitest'
import { collect, customTask, nextOf, secondView, spawnTask, text } from '../support/tasks.js'

const TALKER = 'while read -r to word; do if [ "$to" = out ]; then echo "$word"; else echo "$word" >&2; fi; done'

test('shows both streams in the order in which they were read, with the time, and ends with them', async () => {
  const task = await spawnTask({ cmd: TALKER })
  const before = Date.now()
  const merged = task.output.follow()
  const told: string[] = []
  for (const [to, word] of [
    ['out', 'a'],
    ['err', 'b'],
    ['err', 'c'],
    ['out', 'd'],
  ]) {
    await task.stdin.write(`${to} ${word}\n`)
    const chunk = await nextOf(merged)
    if (chunk.gap) throw new Error('a gap')
    told.push(`${chunk.stream} ${chunk.offset} ${text(chunk.data)}`)
    expect(chunk.at).toBeGreaterThanOrEqual(before - 1)
    expect(chunk.at).toBeLessThanOrEqual(Date.now() + 1)
  }
  expect(told).toEqual(['stdout 0 a\n', 'stderr 0 b\n', 'stderr 2 c\n', 'stdout 2 d\n'])
  await task.stdin.close()
  expect(await collect(merged)).toEqual([])
})

test('another reader goes on where one stopped, by what can be stored as JSON', async () => {
  const task = await spawnTask({ cmd: 'for i in $(seq 1 200); do echo "out $i"; echo "err $i" >&2; done' })
  await task.wait()
  const all = await collect(task.output.follow())
  const middle = all[Math.floor(all.length / 2)]
  const from = JSON.parse(JSON.stringify(middle?.next))
  const rest = await collect(secondView(task).output.follow({ from }))
  expect(rest).toEqual(all.slice(Math.floor(all.length / 2) + 1))
  for (const stream of ['stdout', 'stderr'] as const) {
    const bytes = all.map((item) => (item.gap || item.stream !== stream ? '' : text(item.data))).join('')
    expect(bytes).toBe(text((await task[stream].read()).data))
  }
})

test('bytes that are no longer kept are a gap of their stream', async () => {
  const task = await spawnTask({ cmd: 'printf 0123456789abcde; printf err >&2', maxReadBufSize: 10 })
  await task.wait()
  const all = await collect(task.output.follow({ from: { seq: 0, stdout: 0, stderr: 0 } }))
  expect(all).toContainEqual(expect.objectContaining({ gap: true, stream: 'stdout', from: 0, to: 5 }))
  const bytes = all.map((item) => (item.gap ? '' : `${item.stream} ${text(item.data)}`)).sort()
  expect(bytes).toEqual(['', 'stderr err', 'stdout 56789abcde'])
})

test('two megabytes of both streams come out whole', async () => {
  const task = await spawnTask({ cmd: 'head -c 1000000 /dev/zero & head -c 1000000 /dev/zero >&2; wait' })
  const size = { stdout: 0, stderr: 0 }
  for await (const item of task.output.follow()) {
    expect(item).toMatchObject({ offset: size[item.stream] })
    if (!item.gap) size[item.stream] += item.data.length
  }
  expect(size).toEqual({ stdout: 1_000_000, stderr: 1_000_000 })
})

test('a task that blocks on full buffers loses nothing to a follower that discards', async () => {
  const cmd = 'for i in $(seq 1 5000); do echo "out $i"; echo "err $i" >&2; done'
  const task = await spawnTask({ cmd, maxReadBufSize: 8192, overflow: 'block' })
  const bytes = { stdout: '', stderr: '' }
  for await (const item of task.output.follow({ discard: true })) {
    expect(item.gap).toBeUndefined()
    if (!item.gap) bytes[item.stream] += text(item.data)
  }
  const lines = (word: string) => Array.from({ length: 5000 }, (_, index) => `${word} ${index + 1}\n`).join('')
  expect(bytes).toEqual({ stdout: lines('out'), stderr: lines('err') })
  const { streams } = await task.info()
  for (const { firstOffset, endOffset } of [streams[1], streams[2]]) expect(firstOffset).toBe(endOffset)
})

test('a follower that discards frees nothing that is only on its way', async () => {
  const task = await spawnTask({ cmd: TALKER })
  const merged = task.output.follow({ discard: true })
  await task.stdin.write('out a\n')
  expect(await nextOf(merged)).toMatchObject({ stream: 'stdout' })
  expect((await task.info()).streams[1]).toMatchObject({ firstOffset: 0 })
  await task.stdin.write('err b\n')
  expect(await nextOf(merged)).toMatchObject({ stream: 'stderr' })
  expect((await task.info()).streams).toMatchObject({ 1: { firstOffset: 2 }, 2: { firstOffset: 0 } })
})

test('not live, it shows what is there and ends, though the task goes on', async () => {
  const task = await spawnTask({ cmd: 'echo out; echo err >&2; sleep 1000' })
  await task.stdout.waitFor('out')
  await task.stderr.waitFor('err')
  const words = (await collect(task.output.follow({ live: false }))).map((item) => (item.gap ? '' : text(item.data)))
  expect(words.sort()).toEqual(['err\n', 'out\n'])
})

test('ends with the reason of its signal', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = expect(collect(task.output.follow({ signal: controller.signal }))).rejects.toBe(reason)
  await task.info()
  controller.abort(reason)
  await aborted
})

test('a supervisor that does not note the order says so', async () => {
  const nothing = () => ({ offset: 0, data: new Uint8Array(0), eof: false, endOffset: 0 })
  const task = await customTask({ readStream: nothing })
  await expect(collect(task.output.follow())).rejects.toMatchObject({
    code: 'ERR_BGTASK_UNSUPPORTED',
    method: 'readOrder',
  })
})
