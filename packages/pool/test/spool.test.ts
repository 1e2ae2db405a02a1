import { createHash } from 'node:crypto'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OutputChunk, type OutputGap, Task } from '@bgtask/client'
import type { LostTask, SpawnOptions, TaskPool } from '@bgtask/pool'
import { isBgTaskError } from '@bgtask/protocol'
import { eventually } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from './support/directory.js'
import { killSupervisor, spawnTask } from './support/tasks.js'

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

/** Small, so that little output fills several files. */
const SPOOL = { maxBytes: 1024 * 1024, segmentBytes: 16 * 1024 } as const

/** Less than one line of the programs below: reads find nothing of interest in memory. */
const SMALL_MEMORY = { maxReadBufSize: 64 } as const

/** Lines of 10 bytes: `line00000`. */
const LINES = (count: number) => `i=0; while [ $i -lt ${count} ]; do printf 'line%05d\\n' $i; i=$((i+1)); done`

function linesText(count: number): string {
  return Array.from({ length: count }, (_, number) => `line${String(number).padStart(5, '0')}\n`).join('')
}

async function spawnSpooled(pool: TaskPool, options: SpawnOptions): Promise<Task> {
  return spawnTask(pool, { spool: SPOOL, ...SMALL_MEMORY, ...options })
}

/** What a follower gets, as text; a gap as the numbers between which bytes are missing. */
async function follow(chunks: AsyncIterable<OutputChunk | OutputGap>): Promise<(string | [number, number])[]> {
  const got: (string | [number, number])[] = []
  for await (const chunk of chunks) {
    if (chunk.gap) got.push([chunk.from, chunk.to])
    else if (typeof got.at(-1) === 'string') got.push(`${got.pop()}${chunk.data}`)
    else got.push(chunk.data.toString())
  }
  return got
}

function directoryOf(pool: TaskPool, task: Task | LostTask): string {
  return join(pool.path, `${task.taskId}.d`)
}

async function lostTask(pool: TaskPool, { taskId }: Task): Promise<LostTask> {
  const lost = (await pool.lost()).find((lost) => lost.taskId === taskId) as LostTask
  onTestFinished(async () => void (await lost.stop({ steps: KILL })))
  return lost
}

describe('the output of a task with a spool', () => {
  test('is followed from its files, also what memory no longer holds', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: LINES(5_000) })
    await task.wait()
    expect(readdirSync(directoryOf(pool, task))).toContain('1.0000000000016384')
    expect(await follow(task.stdout.follow())).toEqual([linesText(5_000)])
    expect(await follow(task.stdout.follow({ from: 49_980, live: false }))).toEqual(['line04998\nline04999\n'])
    expect((await task.stdout.waitFor(/line0012\d/))?.offset).toBe(1_200)
  })

  test('is read from the files and not over the socket', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: 'echo from the child' })
    await task.wait()
    const [segment] = readdirSync(directoryOf(pool, task)).filter((name) => name.startsWith('1.'))
    // Other bytes than the supervisor has in memory: only a reader of the file can see them.
    writeFileSync(join(directoryOf(pool, task), segment as string), 'FROM THE FILES\n')
    expect(await follow(task.stdout.follow())).toEqual(['FROM THE FILES\n'])
  })

  test.for<[string, (directory: string) => void]>([
    ['the directory was deleted', (directory) => rmSync(directory, { recursive: true })],
    ['the files were deleted', (directory) => readdirSync(directory).map((name) => rmSync(join(directory, name)))],
  ])('comes over the socket if %s', async ([, damage]) => {
    const pool = makePool()
    const task = await spawnTask(pool, { spool: SPOOL, cmd: 'echo kept in memory' })
    await task.wait()
    damage(directoryOf(pool, task))
    expect(await follow(task.stdout.follow())).toEqual(['kept in memory\n'])
  })

  test('comes over the socket if the files belong to somebody who is not trusted', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { spool: SPOOL, cmd: 'echo over the socket' })
    await task.wait()
    const files = pool.taskFiles(task.taskId as string, task.pid)
    const untrusted = Object.assign(Object.create(files), { trusts: () => false, find: () => undefined })
    const view = { socketPath: (pid: number) => pool.socketPath(pid), taskFiles: () => untrusted }
    const reader = new Task(view, task.pid).bind(task.taskId as string)
    onTestFinished(() => reader.disconnect())
    expect(await follow(reader.stdout.follow())).toEqual(['over the socket\n'])
  })

  test('keeps its order and times in files, and merges from there', async () => {
    const pool = makePool()
    const cmd = 'for i in 1 2 3; do echo out$i; sleep 0.02; echo err$i >&2; sleep 0.02; done'
    const task = await spawnSpooled(pool, { cmd })
    await task.wait()
    const chunks = []
    for await (const chunk of task.output.follow()) chunks.push(chunk.gap ? 'gap' : `${chunk.stream} ${chunk.data}`)
    expect(chunks.join('')).toBe([1, 2, 3].map((i) => `stdout out${i}\nstderr err${i}\n`).join(''))
  })

  test('that a reader was too slow for has a gap, as without a spool', async () => {
    const pool = makePool()
    const small = { maxBytes: 32 * 1024, segmentBytes: 8 * 1024 }
    const task = await spawnSpooled(pool, { spool: small, cmd: LINES(20_000) })
    await task.wait()
    const [gap, rest, ...more] = await follow(task.stdout.follow({ from: 0 }))
    const [from, to] = gap as [number, number]
    expect([from, more]).toEqual([0, []])
    expect(to).toBeGreaterThanOrEqual(200_000 - 32 * 1024)
    expect(linesText(20_000).slice(to)).toBe(rest)
  })

  test('is freed as it is consumed, so that a child that waits for room goes on', async () => {
    const pool = makePool()
    const small = { maxBytes: 32 * 1024, segmentBytes: 8 * 1024 }
    const task = await spawnSpooled(pool, { spool: small, overflow: 'block', cmd: LINES(20_000) })
    expect(await follow(task.stdout.follow({ discard: true }))).toEqual([linesText(20_000)])
  })
})

describe('after a SIGKILL of the supervisor', () => {
  test('a follower gets every byte that is in files, then the error that says that the rest is not known', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: `${LINES(5_000)}; exec sleep 1000` })
    await eventually(async () => (await task.stdout.info()).endOffset === 50_000)
    const chunks = task.stdout.follow()
    const first = await chunks.next()
    await killSupervisor(task)
    await lostTask(pool, task)
    let text = String((first.value as OutputChunk).data)
    const failure = await (async () => {
      for await (const chunk of chunks) text += chunk.gap ? '<gap>' : chunk.data
    })().catch((error: unknown) => error)
    expect(text).toBe(linesText(5_000))
    expect(isBgTaskError(failure, 'ERR_BGTASK_TASK_GONE')).toBe(true)
  })

  test('a follower that waits for more ends with that error as well', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: 'echo one; exec sleep 1000' })
    const chunks = task.stdout.follow()
    expect((await chunks.next()).value).toMatchObject({ data: Buffer.from('one\n') })
    const next = chunks.next().catch((error: unknown) => error)
    await killSupervisor(task)
    await lostTask(pool, task)
    expect(isBgTaskError(await next, 'ERR_BGTASK_TASK_GONE')).toBe(true)
  })

  test('nothing is missing that a reader has heard of, whenever the kill comes', { timeout: 60_000 }, async () => {
    const pool = makePool()
    const expected = createHash('sha256').update(linesText(40_000)).digest('hex')
    for (const heard of [1, 16_384, 20_000, 32_768, 100_000, 250_000]) {
      const task = await spawnSpooled(pool, { cmd: `${LINES(40_000)}; exec sleep 1000` })
      const { endOffset } = await task.stdout.read({ from: heard, waitMs: 20_000, maxBytes: 1 })
      await killSupervisor(task)
      const lost = await lostTask(pool, task)
      const got = await follow(lost.stdout.follow())
      expect(got).toHaveLength(1)
      const text = String(got[0])
      expect(text.length).toBeGreaterThanOrEqual(endOffset)
      expect(createHash('sha256').update(linesText(40_000).slice(0, text.length)).digest('hex')).toBe(
        createHash('sha256').update(text).digest('hex'),
      )
      if (text.length === 400_000) expect(createHash('sha256').update(text).digest('hex')).toBe(expected)
      await lost.stop({ steps: KILL })
      await lost.remove()
      expect(existsSync(directoryOf(pool, task))).toBe(false)
    }
  })

  test('a lost task has its output, in the order of reading, and ends where its files do', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: 'echo out; sleep 0.05; echo err >&2; exec sleep 1000' })
    await task.stderr.waitFor('err')
    await killSupervisor(task)
    const lost = await lostTask(pool, task)
    expect(String((await lost.stdout.read()).data)).toBe('out\n')
    expect(await lost.stderr.read({ from: 4 })).toMatchObject({ offset: 4, eof: true })
    expect((await lost.stdout.waitFor(/^o/))?.offset).toBe(0)
    const chunks = []
    for await (const chunk of lost.output.follow()) chunks.push(chunk.gap ? 'gap' : `${chunk.stream} ${chunk.data}`)
    expect(chunks).toEqual(['stdout out\n', 'stderr err\n'])
    await expect(lost.stdout.close()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
  })

  test('a lost task without a spool has no output, and that is no error', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'echo out; exec sleep 1000' })
    await task.stdout.waitFor('out')
    await killSupervisor(task)
    const lost = await lostTask(pool, task)
    expect(await lost.stdout.read()).toMatchObject({ offset: 0, endOffset: 0, eof: true })
    expect(await follow(lost.stdout.follow())).toEqual([])
  })

  test('a sweep removes the files with the record,', async () => {
    const pool = makePool()
    const task = await spawnSpooled(pool, { cmd: 'echo out' })
    await task.wait()
    await killSupervisor(task)
    expect(await pool.sweep()).toContain(`${task.taskId}.d`)
    expect(readdirSync(pool.path)).toEqual([])
  })
})
