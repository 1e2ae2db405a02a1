import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { isBgTaskError } from '@bgtask/protocol'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { SegmentReader, Units } from '../../src/spool/segment-reader.js'
import { openSpool, SpoolDirectory } from '../../src/spool/spool-directory.js'
import type { SpoolPlace } from '../../src/spool/spool-place.js'
import { SegmentFiles } from './segments.js'

function open(place: SpoolPlace): SpoolDirectory {
  const spool = new SpoolDirectory(place)
  onTestFinished(() => spool.close())
  return spool
}

function asText({ at, data }: Units): [number, string] {
  return [at, data.toString()]
}

test('reads go from one segment to the next, and on in a segment that grows', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abcd')
  files.append(1, 4, 'ef')
  const reader = open(files).reader(1)
  expect(asText(await reader.read(0, 3))).toEqual([0, 'abc'])
  expect(asText(await reader.read(3, 9))).toEqual([3, 'd'])
  expect(asText(await reader.read(4, 9))).toEqual([4, 'ef'])
  expect(asText(await reader.read(6, 9))).toEqual([6, ''])
  files.append(1, 4, 'gh')
  expect(asText(await reader.read(6, 9))).toEqual([6, 'gh'])
  files.append(1, 8, 'i')
  expect(asText(await reader.read(8, 9))).toEqual([8, 'i'])
})

test('what was deleted, or never written, is skipped: the read begins at the next kept byte', async () => {
  const files = new SegmentFiles()
  files.append(1, 4, 'ef')
  files.append(1, 10, 'kl')
  const reader = open(files).reader(1)
  expect(asText(await reader.read(0, 9))).toEqual([4, 'ef'])
  expect(asText(await reader.read(6, 9))).toEqual([10, 'kl'])
  expect(reader.bounds()).toEqual({ first: 4, end: 12 })
})

test('an open segment is read to its end after it was deleted', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abcd')
  files.append(1, 4, 'ef')
  const reader = open(files).reader(1)
  await reader.read(0, 2)
  files.remove(1, 0)
  expect(asText(await reader.read(2, 9))).toEqual([2, 'cd'])
  expect(asText(await reader.read(4, 9))).toEqual([4, 'ef'])
})

test('each stream has its own files, and names of another form are ignored', async () => {
  const files = new SegmentFiles()
  files.append(2, 0, 'err')
  for (const name of ['1.0', '1.00000000000000000', '3.0000000000000000', 'spec', '1.000000000000000x']) {
    writeFileSync(`${files.directory}/${name}`, 'no')
  }
  const spool = open(files)
  expect(spool.reader(1).bounds()).toBeUndefined()
  expect(asText(await spool.reader(1).read(0, 9))).toEqual([0, ''])
  expect(asText(await spool.reader(2).read(0, 9))).toEqual([0, 'err'])
})

test('however a supervisor writes and deletes, no byte comes twice, in the wrong place, or is skipped though it is kept', async () => {
  const step = fc.oneof(
    fc.record({ write: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ rotate: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ read: fc.integer({ min: 1, max: 30 }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const writer = new Writer()
      const spool = new SpoolDirectory(writer.files)
      try {
        const follower = new Follower(spool.reader(1), writer)
        for (const step of steps) {
          if ('write' in step) writer.write(step.write)
          else if ('rotate' in step) writer.rotate(step.rotate)
          else await follower.read(step.read)
        }
        while (follower.position < writer.end) await follower.read(7)
      } finally {
        spool.close()
      }
    }),
    { numRuns: 100 },
  )
})

/** Each byte is its offset, so that it can be told from its neighbours. */
class Writer {
  readonly files = new SegmentFiles()
  end = 0
  readonly #starts: number[] = []

  get first(): number {
    return this.#starts[0] ?? this.end
  }

  write(length: number): void {
    if (this.#starts.length === 0 || this.end - (this.#starts.at(-1) as number) >= 16) this.#starts.push(this.end)
    const data = Buffer.from(Array.from({ length }, (_, index) => (this.end + index) % 251))
    this.files.append(1, this.#starts.at(-1) as number, data)
    this.end += length
  }

  rotate(count: number): void {
    for (const start of this.#starts.splice(0, Math.min(count, this.#starts.length - 1))) this.files.remove(1, start)
  }
}

class Follower {
  position = 0
  readonly #reader: SegmentReader
  readonly #writer: Writer

  constructor(reader: SegmentReader, writer: Writer) {
    this.#reader = reader
    this.#writer = writer
  }

  async read(max: number): Promise<void> {
    const { at, data } = await this.#reader.read(this.position, max)
    expect(at).toBeGreaterThanOrEqual(this.position)
    // An open segment may be read on after it was deleted, so more than what is kept, but never less.
    if (at > this.position) expect(at).toBeLessThanOrEqual(this.#writer.first)
    expect([...data]).toEqual(Array.from(data, (_, index) => (at + index) % 251))
    if (this.position < this.#writer.end) expect(data.length).toBeGreaterThan(0)
    this.position = at + data.length
  }
}

test.for<[string, (path: string) => void]>([
  ['a symbolic link', (path) => symlinkSync('/etc/passwd', path)],
  ['a directory', (path) => mkdirSync(path)],
  ['a FIFO', (path) => execFileSync('mkfifo', [path])],
])('%s under the name of a segment is not read', async ([, plant]) => {
  const files = new SegmentFiles()
  plant(files.pathOf(1, 0))
  await expect(open(files).reader(1).read(0, 9)).rejects.toThrow()
})

test('files of an owner who is not trusted are not read', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  let trusted = true
  const spool = open({ directory: files.directory, trusts: () => trusted })
  trusted = false
  const refused = await spool
    .reader(1)
    .read(0, 9)
    .catch((error: unknown) => error)
  expect(isBgTaskError(refused, 'ERR_BGTASK_PERMISSION')).toBe(true)
  expect(() => openSpool({ directory: files.directory, trusts: () => false })).toThrow('not trusted')
})

test('a directory that is missing is none, and one that is a link is refused', () => {
  const files = new SegmentFiles()
  expect(openSpool({ directory: `${files.directory}x`, trusts: () => true })).toBeUndefined()
  symlinkSync(files.directory, `${files.directory}-link`)
  const link = { directory: `${files.directory}-link`, trusts: () => true }
  expect(() => openSpool(link)).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_PERMISSION' }))
})

test('closing leaves no descriptor, not even of a read that is under way', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  const before = readdirSync('/proc/self/fd').length
  const spool = new SpoolDirectory(files)
  const reading = spool.reader(1).read(0, 3)
  spool.close()
  await reading.catch(() => {})
  await new Promise(setImmediate)
  expect(readdirSync('/proc/self/fd')).toHaveLength(before)
})
