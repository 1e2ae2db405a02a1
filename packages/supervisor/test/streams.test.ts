import { createHash } from 'node:crypto'
import type { Task } from '@bgtask/client'
import { describe, expect, test } from 'vitest'
import { spawnTask } from './support/pool.js'

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
  // A deadline for a hang: how fast a busy machine is with this much is for the benchmarks to tell.
  test('block loses no byte: 256 MiB through a 64 KiB buffer to a reader that pauses at random', {
    timeout: 300_000,
  }, async () => {
    const megabytes = 256
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
})

async function collect(task: Task, from: number, options: { discard?: boolean } = {}): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of task.stdout.follow({ from, ...options })) if (!chunk.gap) parts.push(chunk.data)
  return Buffer.concat(parts).toString()
}
