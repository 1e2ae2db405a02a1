import { createHash } from 'node:crypto'
import type { Task } from '@bgtask/client'
import { eventually, isAlive, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { makePool, spawnTask, textOf } from './support/pool.js'

/** Waits for a file in the working directory. */
const UNTIL_GO = 'while ! [ -e go ]; do sleep 0.01; done'

describe('exit and end of output are two facts', () => {
  test('the exit is told while a grandchild writes on; the end of output when it is done', async () => {
    const cwd = tempDir()
    const pool = makePool()
    const task = await pool.spawn({ cmd: `(${UNTIL_GO}; echo late) & exit 5`, cwd })
    expect(await task.wait()).toMatchObject({ exitCode: 5 })
    const { exitOffsets, streams } = await task.info()
    expect(exitOffsets).toEqual({ 1: 0, 2: 0 })
    expect(streams[1].eof).toBe(false)

    const ends: number[] = []
    task.on('streamEof', ({ streamId, endOffset }) => ends.push(streamId, endOffset))
    const output = collect(task, 0)
    await (await pool.spawn({ cmd: 'touch go', cwd })).wait()
    expect(await output).toBe('late\n')
    await task.stderr.waitFor('nothing')
    expect((await task.info()).exitOffsets).toEqual({ 1: 0, 2: 0 })
    expect(ends.toSorted()).toEqual([0, 1, 2, 5])
  })

  test('whatever a child writes before it ends is there when its exit is told', async () => {
    const task = await spawnTask({ cmd: 'head -c 300000 /dev/zero; echo end >&2' })
    await task.wait()
    const { exitOffsets, streams } = await task.info()
    expect(exitOffsets).toEqual({ 1: 300_000, 2: 4 })
    expect(streams[1]).toMatchObject({ endOffset: 300_000, eof: true })
  })

  test('a child that closed its output early is not waited for: the end of output comes with its exit', async () => {
    const task = await spawnTask({ cmd: 'echo a; exec >&- 2>&-; read _' })
    await eventually(async () => (await task.stdout.info()).endOffset === 2)
    expect((await task.info()).streams[1].eof).toBe(false)
    await task.stdin.write('\n')
    expect(await collect(task, 0)).toBe('a\n')
  })
})

describe('a restart', () => {
  test('goes on with the offsets, and a stale writer of the run before never mixes in', async () => {
    // The first run leaves a writer behind that has the pipe of the first run, and waits for a file before it writes.
    const stale = `(${UNTIL_GO}; echo STALE; touch gone) &`
    const cmd = `[ -e again ] && { echo second; read _; exit; }; touch again; ${stale} echo first`
    const cwd = tempDir()
    const task = await spawnTask({ cmd, cwd })
    await task.wait()
    expect(await textOf(task)).toBe('first\n')
    expect(await task.restart()).toBe(true)
    await task.stdout.waitFor('second\n')
    expect(await task.info()).toMatchObject({ run: 2, restarts: 1, streams: { 1: { runOffset: 6, firstOffset: 0 } } })
    const other = await spawnTask({ cmd: `touch go; while ! [ -e gone ]; do sleep 0.01; done`, cwd })
    await other.wait()
    await task.stdin.write('\n')
    await task.wait()
    expect(await textOf(task)).toBe('first\nsecond\n')
  })

  test('gives stdin anew, and drops what the run before left unread', async () => {
    const task = await spawnTask({ cmd: 'read line; echo "got $line"; exec <&-; sleep 0.1' })
    await task.stdin.write('one\n')
    await task.wait()
    await task.restart()
    await task.stdin.write('two\n')
    await task.wait()
    expect(await textOf(task)).toBe('got one\ngot two\n')
  })
})

describe('a flood', () => {
  test.for([
    ['whole pages, one and two at a time', [4_096, 8_192]],
    ['more than a pipe holds', [200_000]],
    ['pages, then large pieces, then odd ones', [8_192, 8_192, 8_192, 65_536, 200_000, 12_000, 1, 4_095]],
  ] as const)('comes whole and in order: %s', async ([, sizes]) => {
    const flood = `const fs = require('node:fs')
      const all = Buffer.alloc(4_194_304, 'the quick brown fox, ')
      for (let at = 0, n = 0; at < all.length; n++) at += fs.writeSync(1, all, at, Math.min([${sizes}][n % ${sizes.length}], all.length - at))`
    const task = await spawnTask({ exec: [process.execPath, '-e', flood] })
    await task.wait()
    // Not `toBe` of the texts: their difference would take minutes to print.
    expect((await collect(task, 0)) === String(Buffer.alloc(4_194_304, 'the quick brown fox, '))).toBe(true)
  })
})

describe('overflow', () => {
  test('discard keeps the newest bytes and counts what it dropped; nobody is slowed by a reader that stands still', async () => {
    const task = await spawnTask({ cmd: 'seq 1 200000', maxReadBufSize: 10_000 })
    await task.wait()
    const { firstOffset, endOffset, discarded } = await task.stdout.info()
    expect(endOffset).toBe(1_288_895)
    expect(firstOffset).toBe(endOffset - 10_000)
    expect(discarded).toBe(firstOffset)
    const { offset, data } = await task.stdout.read({ from: 0 })
    expect(offset).toBe(firstOffset)
    expect(Buffer.from(data).toString().endsWith('199999\n200000\n')).toBe(true)
  })

  // A deadline for a hang: how fast a busy machine is with this much is for the benchmarks to tell.
  test('block loses no byte: 1 GiB through a 64 KiB buffer to a reader that pauses at random', {
    timeout: 300_000,
  }, async () => {
    const megabytes = 1024
    // Something that no two places have in common, so that a byte lost, doubled or moved changes the hash.
    const program = `
      const { createHash } = require('node:crypto')
      const { writeSync } = require('node:fs')
      const hash = createHash('sha1')
      const block = new Uint32Array(1 << 18)
      for (let j = 0, n = 1; j < block.length; j++) block[j] = n = (Math.imul(n, 1664525) + 1013904223) >>> 0
      for (let i = 0; i < ${megabytes}; i++) {
        for (let j = 0; j < block.length; j += 16) block[j] = i * block.length + j
        const bytes = Buffer.from(block.buffer)
        hash.update(bytes)
        for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
      }
      writeSync(2, hash.digest('hex') + '\\n')`
    const task = await spawnTask({
      exec: [process.execPath, '-e', program],
      overflow: 'block',
      maxReadBufSize: 64 * 1024,
    })
    const hash = createHash('sha1')
    let position = 0
    for await (const chunk of task.stdout.follow({ discard: true })) {
      if (chunk.gap) throw new Error(`bytes ${chunk.from} to ${chunk.to} were lost`)
      expect(chunk.offset).toBe(position)
      position += chunk.data.length
      hash.update(chunk.data)
      if (Math.random() < 0.002) await new Promise((resolve) => setTimeout(resolve, Math.random() * 10))
    }
    expect(position).toBe(megabytes * 1024 * 1024)
    const { data } = await task.stderr.read()
    expect(hash.digest('hex')).toBe(Buffer.from(data).toString().trim())
  })

  test('block loses no byte over restarts either, though nobody reads until all is over', async () => {
    const task = await spawnTask({
      cmd: 'head -c 40000 /dev/zero; echo end',
      overflow: 'block',
      maxReadBufSize: 5_000,
      restart: { on: 'always', delayMs: 0, maxRestarts: 2 },
    })
    expect(await task.wait()).toMatchObject({ run: 3 })
    const { offset, data } = await task.stdout.read({ maxBytes: 80_008 })
    expect(offset).toBe(0)
    const run = `${'\0'.repeat(40_000)}end\n`
    expect(Buffer.from(data).toString()).toBe(run + run)
    expect((await task.stdout.info()).discarded).toBe(0)
    await task.stdout.discard(80_008)
    expect(await collect(task, 80_008, { discard: true })).toBe(run)
  })

  test('block holds the child until somebody discards', async () => {
    const task = await spawnTask({
      cmd: 'head -c 1000000 /dev/zero; echo done >&2',
      overflow: 'block',
      maxReadBufSize: 5_000,
    })
    const { endOffset } = await eventually(async () => {
      const info = await task.stdout.info()
      return info.endOffset > 0 && info
    })
    expect(endOffset).toBeLessThanOrEqual(5_000)
    const { data } = await task.stdout.read({ maxBytes: 100_000 })
    expect(data.length).toBeLessThanOrEqual(5_000)
    await eventually(async () => (await task.stdout.info()).blocked)
    expect(await task.info()).toMatchObject({
      state: 'running',
      streams: { 1: { discarded: 0 }, 2: { endOffset: 0, blocked: false } },
    })
    await task.stdout.close()
    await task.stderr.waitFor('done\n')
    expect((await task.stdout.info()).endOffset).toBe(1_000_000)
  })
})

describe('stdin', () => {
  test('a child that does not read lets a writer wait, and gets all of it in order when it does', async () => {
    const task = await spawnTask({ cmd: 'read line; echo "$line"; wc -c' })
    const bytes = Buffer.alloc(3_000_000, 'x')
    const written = task.stdin.write(Buffer.concat([Buffer.from('go\n'), bytes])).then(() => task.stdin.close())
    await task.stdout.waitFor('go\n')
    await written
    await task.wait()
    expect(await textOf(task)).toBe('go\n3000000\n')
    expect(await task.stdin.info()).toMatchObject({ acceptedOffset: 3_000_003, writtenOffset: 3_000_003, closed: true })
  })

  test('a child that closed it: the error is told, and the task goes on', async () => {
    const task = await spawnTask({ cmd: 'exec <&-; echo ready; sleep 1000' })
    await task.stdout.waitFor('ready\n')
    const failed = new Promise((resolve) => task.once('streamError', resolve))
    await task.info()
    await task.stdin.write('lost')
    expect(await failed).toMatchObject({ streamId: 0 })
    await expect(task.stdin.write('more')).rejects.toMatchObject({ code: 'ERR_BGTASK_STDIN_CLOSED' })
    const { pid, state } = await task.info()
    expect(state).toBe('running')
    expect(isAlive(pid ?? 0)).toBe(true)
  })
})

async function collect(task: Task, from: number, options: { discard?: boolean } = {}): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of task.stdout.follow({ from, ...options })) if (!chunk.gap) parts.push(chunk.data)
  return Buffer.concat(parts).toString()
}
