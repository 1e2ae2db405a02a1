import { eventually } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { outputEvents } from '../src/events/output-events.js'
import { createConsole } from '../src/index.js'
import type { ConsoleEvent } from '../src/shared/messages.js'
import { bytesOf, EventReader } from './support/events.js'
import { testPool } from './support/pool.js'

function request(query: string, lastEventId?: string): Request {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  return new Request(`http://localhost/api/events${query}`, { headers })
}

describe('the list', () => {
  test('the list reports tasks that exist, appear, change, end and disappear', async () => {
    const pool = testPool()
    const first = await pool.start('cat', { meta: { name: 'first' } })
    const response = await createConsole({ pool })(request(''))
    // Tells proxies not to cache, compress or buffer.
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const events = new EventReader(response)
    expect(await events.next()).toEqual({ event: 'hello', data: { writable: false } })
    const known = await events.until('tasks')
    expect(known.data).toMatchObject({ all: true, gone: [], changed: [{ info: { meta: { name: 'first' } } }] })

    const second = await pool.start('sleep 1000', { meta: { name: 'second' } })
    const isSecond = (state: string) => (data: ConsoleEvent<'tasks'>['data']) =>
      data.changed.some(({ info }) => info.supervisorPid === second.pid && info.state === state)
    await events.until('tasks', isSecond('running'))
    await first.applyMeta({ progress: { done: 1, total: 2 } })
    await events.until('tasks', ({ changed }) => changed.some(({ info }) => info.meta.progress !== undefined))
    await second.kill('KILL')
    await events.until('tasks', isSecond('exited'))
    const { taskId } = await second.info()
    await second.terminateSupervisor()
    await events.until('tasks', ({ gone }) => gone.includes(taskId))
  })

  test('the list reports the output rate of a task', async () => {
    const pool = testPool()
    await pool.start('while echo 0123456789; do sleep 0.05; done')
    const events = new EventReader(await createConsole({ pool })(request('')))
    const rated = await events.until('tasks', ({ changed }) => (changed[0]?.rate ?? 0) > 0)
    expect(rated.data.changed[0]?.endOffsets?.[0]).toBeGreaterThan(0)
  })

  /** Node warned of a leak on the server's stderr when eleven running tasks were polled at once. */
  test('the list of eleven tasks causes no warning', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    onTestFinished(() => void process.off('warning', warned))
    const pool = testPool()
    await Promise.all(Array.from({ length: 11 }, () => pool.start('sleep 1000')))
    const events = new EventReader(await createConsole({ pool })(request('')))
    const asked = new Set<number>()
    await events.until('tasks', ({ changed }) => {
      for (const { info, rate } of changed) if (rate !== undefined) asked.add(info.supervisorPid)
      return asked.size === 11
    })
    expect(warned).not.toHaveBeenCalled()
  })

  test('the list reports a task whose supervisor was killed, and its end', async () => {
    const pool = testPool()
    const task = await pool.start('sleep 1000')
    const events = new EventReader(await createConsole({ pool })(request('')))
    await events.until('tasks', ({ changed }) => changed.length === 1)
    process.kill(task.pid, 'SIGKILL')
    await events.until('tasks', ({ changed }) => changed.some(({ info }) => info.state === 'orphaned'))
    const [lost] = await pool.lost()
    await lost?.stop({ steps: [{ killSignal: 'KILL', waitMs: 2_000 }] })
    await events.until('tasks', ({ changed }) => changed.some(({ info }) => info.state === 'lost'))
  })

  test('the list contains only tasks that its reader may read', async () => {
    const pool = testPool()
    const mine = await pool.start('cat', { meta: { owner: 'me' } })
    const other = await pool.start('cat', { meta: { owner: 'other' } })
    const authorize = (_: Request, __: string, info?: { meta: Record<string, unknown> }) => info?.meta.owner !== 'other'
    const response = await createConsole({ pool, authorize })(request(''))
    const events = new EventReader(response)
    const { changed } = (await events.until('tasks')).data
    expect(changed.map(({ info }) => info.supervisorPid)).toEqual([mine.pid])
    const { taskId } = await other.info()
    await other.terminateSupervisor()
    await mine.applyMeta({ owner: 'other' })
    const next = await events.until('tasks', ({ gone }) => gone.length > 0)
    expect(next.data.gone).toEqual([(await mine.info()).taskId])
    expect(JSON.stringify(next.data)).not.toContain(taskId)
  })
})

/** A change reported while `authorize` was pending for another one had to wait for the next keep-alive (15 s). */
test('a change during a pending authorize call is reported at once', async () => {
  const pool = testPool()
  const mine = await pool.start('cat', { meta: { owner: 'me' } })
  const other = await pool.start('cat', { meta: { owner: 'other' } })
  let answer = () => {}
  let asked = () => {}
  let gate: Promise<void> | undefined
  const authorize = async (request: Request, _: string, info?: { meta: Record<string, unknown> }) => {
    if (info?.meta.owner !== 'other' || request.headers.has('sees-all')) return true
    if (info.meta.n === 1) asked()
    await gate
    return false
  }
  const handle = createConsole({ pool, authorize })
  const slow = new EventReader(await handle(request('')))
  const all = new EventReader(await handle(new Request(request(''), { headers: { 'sees-all': '1' } })))
  // Wait for the rates: a new rate, like a keep-alive, would wake the stream by itself.
  const rated = new Set<unknown>()
  await all.until('tasks', ({ changed }) => {
    for (const { info, rate } of changed) if (rate !== undefined) rated.add(info.taskId)
    return rated.size === 2
  })
  await slow.until('tasks', ({ changed }) => changed[0]?.rate !== undefined)
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())

  const hasChanged = ({ changed }: ConsoleEvent<'tasks'>['data']) => changed.some(({ info }) => info.meta.n === 2)
  const reported = slow.until('tasks', hasChanged)
  gate = new Promise((resolve) => {
    answer = resolve
  })
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  await other.applyMeta({ n: 1 })
  await isAsked
  await mine.applyMeta({ n: 2 })
  await all.until('tasks', hasChanged)
  answer()
  await reported
})

describe('the output', () => {
  test.each(['stdout', 'merged'])('the output as %s contains earlier and new output, and the end', async (view) => {
    const pool = testPool()
    const task = await pool.start('echo before; cat')
    await task.stdout.waitFor('before')
    const events = new EventReader(
      await createConsole({ pool, readOnly: false })(request(`?task=${task.pid}&view=${view}`)),
    )
    const opened = await events.until('opened')
    expect(opened.data).toMatchObject({ taskId: (await task.info()).taskId })
    expect(opened.data.can).toContain('stop')
    const output = await events.until('output')
    expect(output.data).toMatchObject({ stream: 'stdout', offset: 0 })
    expect(Math.abs(Date.now() - (output.data.at as number))).toBeLessThan(60_000)
    expect(bytesOf(output).toString()).toBe('before\n')
    await task.stdin.write('after\n')
    expect(bytesOf(await events.until('output')).toString()).toBe('after\n')
    await task.stdin.close()
    expect((await events.until('end')).data).toEqual({ reason: 'eof', run: 1 })
  })

  test.each(['stdout', 'merged'] as const)('the end of %s names the run before a restart', async (view) => {
    const task = await testPool().start('read line')
    await task.stdin.close()
    await task.wait()
    const info = task.info.bind(task)
    vi.spyOn(task, 'info').mockImplementationOnce(async () => {
      await task.restart()
      return info()
    })
    const { signal } = new AbortController()
    const events: ConsoleEvent[] = []
    for await (const event of outputEvents(task, view, undefined, signal)) events.push(event)
    expect(events).toEqual([{ event: 'end', data: { reason: 'eof', run: 1 } }])
  })

  test.each(['stdout', 'stderr', 'merged'] as const)(
    'of %s: cut anywhere and gone on with, no byte is lost or doubled',
    async (view) => {
      const pool = testPool()
      const task = await pool.start('while read line; do echo "line $line"; echo "error $line" >&2; done')
      for (let line = 1; line <= 30; line += 1) {
        await task.stdin.write(`${line}\n`)
        await task.stderr.waitFor(`error ${line}\n`)
      }
      await task.stdin.close()
      await task.wait()
      const handle = createConsole({ pool })
      const whole: Record<string, string> = {
        stdout: (await task.stdout.read()).data.toString(),
        stderr: (await task.stderr.read()).data.toString(),
      }
      const texts = { stdout: '', stderr: '' }
      let position: string | undefined
      let attempts = 0
      for (let ended = false; !ended; attempts += 1) {
        const events = new EventReader(await handle(request(`?task=${task.pid}&view=${view}`, position)))
        // One more event each time, so that the stream is cut at every event.
        for (let count = 0; count <= attempts && !ended; ) {
          const event = (await events.next()) as ConsoleEvent
          ended = event.event === 'end'
          if (event.event !== 'output') continue
          const output = event as ConsoleEvent<'output'>
          expect(output.data.offset).toBe(texts[output.data.stream].length)
          texts[output.data.stream] += bytesOf(output).toString()
          position = event.id
          count += 1
        }
        await events.cancel()
      }
      if (view !== 'stderr') expect(texts.stdout).toBe(whole.stdout)
      if (view !== 'stdout') expect(texts.stderr).toBe(whole.stderr)
      if (view === 'merged') expect(attempts).toBeGreaterThan(2)
    },
  )

  test('the output starts with a gap if its beginning is no longer kept', async () => {
    const pool = testPool()
    const task = await pool.start('head -c 300000 /dev/zero', { maxReadBufSize: 65_536 })
    await task.wait()
    const { firstOffset } = await task.stdout.info()
    for (const view of ['stdout', 'merged']) {
      const events = new EventReader(await createConsole({ pool })(request(`?task=${task.pid}&view=${view}`)))
      const gap = await events.until('gap')
      expect(gap.data).toMatchObject({ stream: 'stdout', from: 0, reason: 'dropped' })
      expect(gap.data.to).toBeLessThanOrEqual(firstOffset)
      await events.cancel()
    }
  })

  test('output that was read long ago is sent without a time', async () => {
    const pool = testPool()
    // Many separate chunks, until the supervisor has dropped the order of the oldest (it records 8,192).
    const script = 'for (;;) { fs.writeSync(1, "o\\n"); fs.writeSync(2, "e\\n"); Atomics.wait(cell, 0, 0, 0.2) }'
    const program = `const fs = require("fs"); const cell = new Int32Array(new SharedArrayBuffer(4)); ${script}`
    const task = await pool.spawn({ exec: [process.execPath, '-e', program] })
    await eventually(async () => (await task.output.order({ maxChunks: 1 })).seq > 0, { deadlineMs: 25_000 })
    await task.stop()
    const events = new EventReader(await createConsole({ pool })(request(`?task=${task.pid}&view=stdout`)))
    const first = await events.until('output')
    expect(bytesOf(first).toString()).toMatch(/^o\n/)
    expect(first.data.at).toBeUndefined()
    const timed = await events.until('output', ({ at }) => at !== undefined)
    expect(timed.data.offset).toBe(first.data.offset + bytesOf(first).length)
    const merged = new EventReader(await createConsole({ pool })(request(`?task=${task.pid}&view=merged`)))
    expect((await merged.until('gap')).data).toMatchObject({ from: 0, reason: 'skipped' })
    await merged.cancel()
  })

  test('the output begins at the position of a link', async () => {
    const pool = testPool()
    const task = await pool.start('echo 0123456789')
    await task.wait()
    const events = new EventReader(
      await createConsole({ pool })(request(`?task=${task.pid}&view=stdout&from=stdout:4`)),
    )
    const output = await events.until('output')
    expect([output.data.offset, bytesOf(output).toString()]).toEqual([4, '456789\n'])
  })

  test('the output ends with the reason gone when the supervisor dies', async () => {
    const pool = testPool()
    const task = await pool.start('sleep 1000')
    const handle = createConsole({ pool })
    const events = new EventReader(await handle(request(`?task=${task.pid}`)))
    await events.until('tasks')
    process.kill(task.pid, 'SIGKILL')
    expect((await events.until('end')).data.reason).toBe('gone')
    await eventually(async () => (await pool.lost()).length === 1)
    const again = new EventReader(await handle(request(`?task=${task.pid}`)))
    expect((await again.until('end')).data.reason).toBe('gone')
    const unknown = new EventReader(await handle(request('?task=none')))
    expect((await unknown.until('end')).data.reason).toBe('not-found')
  })

  test('the output is fetched at the pace of the reader: a stalled page does not fill the memory', async () => {
    const pool = testPool()
    // All 50 MB are kept, so a server that reads ahead would show in the memory.
    const task = await pool.start('yes 0123456789abcde | head -c 50000000; echo; sleep 1000', {
      maxReadBufSize: 60_000_000,
    })
    await eventually(async () => (await task.stdout.info()).endOffset > 50_000_000, { deadlineMs: 20_000 })
    const before = process.memoryUsage().arrayBuffers
    const events = new EventReader(await createConsole({ pool })(request(`?task=${task.pid}&view=stdout`)))
    await events.until('output')
    await task.info()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000)
    expect(bytesOf(await events.until('output')).length).toBeGreaterThan(0)
  })
})

describe('streams', () => {
  test('the number of streams is limited; a closed stream frees its place', async () => {
    const pool = testPool()
    const handle = createConsole({ pool, maxStreams: 2 })
    const readers = [new EventReader(await handle(request(''))), new EventReader(await handle(request('')))]
    for (const reader of readers) await reader.until('tasks')
    expect((await handle(request(''))).status).toBe(503)
    await readers[0]?.cancel()
    const third = new EventReader(await handle(request('')))
    await third.until('tasks')
    expect((await handle(request(''))).status).toBe(503)
  })

  test('an idle stream sends a keep-alive every 15 s', async () => {
    const response = await createConsole({ pool: testPool() })(request(''))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    onTestFinished(() => reader.cancel())
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
    expect(await read()).toContain('event: hello')
    expect(await read()).toContain('event: tasks')
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    for (let sign = 1; sign <= 2; sign += 1) {
      const next = read()
      await vi.waitUntil(() => vi.getTimerCount() > 0)
      vi.advanceTimersByTime(15_000)
      expect(await next).toBe(':\n\n')
    }
  })

  test('a stream that ends because authorize fails frees its place, without revealing the error', async () => {
    const pool = testPool()
    await pool.start('cat')
    const authorize = (_: Request, action: string) => {
      if (action === 'read') throw new Error('password is hunter2')
      return true
    }
    const errors: unknown[] = []
    const handle = createConsole({ pool, maxStreams: 1, authorize, onError: (error) => errors.push(error) })
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const response = await handle(request(''))
      expect(response.status).toBe(200)
      expect(await response.text()).not.toContain('hunter2')
      expect(errors).toHaveLength(attempt)
    }
  })

  test('a stream whose reader disconnects before reading frees its place', async () => {
    const handle = createConsole({ pool: testPool(), maxStreams: 1 })
    const left = new AbortController()
    expect((await handle(new Request(request(''), { signal: left.signal }))).status).toBe(200)
    left.abort()
    expect((await handle(request(''))).status).toBe(200)
  })

  test('HEAD is refused: its stream would be neither read nor cancelled', async () => {
    const handle = createConsole({ pool: testPool(), maxStreams: 1 })
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const response = await handle(new Request(request(''), { method: 'HEAD' }))
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
    }
    expect((await handle(request(''))).status).toBe(200)
  })

  test('a stream reports that the pool cannot be watched', async () => {
    const pool = testPool()
    const events = new EventReader(await createConsole({ pool: Object.assign(pool, { watch: failing }) })(request('')))
    expect((await events.until('problem')).data.message).toBe('the directory is gone')
  })
})

// biome-ignore lint/correctness/useYield: it throws first.
async function* failing(): AsyncGenerator<never> {
  throw new Error('the directory is gone')
}
