import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { launchSpecSchema, validate } from '@bgtask/protocol'
import { decode, MessageScanner } from '@bgtask/protocol/rpc'
import { expect, test } from 'vitest'
import { crate, hasCargo } from './support/native.js'

const ROUNDS = 20_000
/** Another one is another run. */
const FIRST_SEED = Number(process.env.BGTASK_FUZZ_FROM ?? 0)
const COMPILING_MS = 300_000

test.runIf(hasCargo())(
  'both scanners and both readers of the spec come to the same verdicts',
  () => {
    const corpus = documentedMessages()
    const cases = [
      ...corpus,
      ...Array.from({ length: ROUNDS }, (_, index) => mutate(corpus, randomOf(FIRST_SEED + index))),
    ]
    const input = cases.map((bytes) => `${bytes.toString('hex')}\n`).join('')
    const args = ['run', '--offline', '--locked', '--quiet', '--example', 'verdicts']
    const output = execFileSync('cargo', args, { cwd: crate, input, encoding: 'utf8', maxBuffer: 2 ** 26 })
    const verdicts = output.trimEnd().split('\n')
    expect(verdicts).toHaveLength(cases.length)
    const differences = cases.flatMap((bytes, index) => {
      const [node, native] = [verdictOf(bytes), verdicts[index]]
      return node === native ? [] : [{ bytes: bytes.toString('hex'), node, native }]
    })
    expect(differences.slice(0, 5)).toEqual([])
    // Mutations that all break, or all pass, would compare nothing.
    for (const verdict of [
      'a message of',
      'no whole message',
      'more than',
      'a map key',
      '; a spec',
      'which is not plain',
    ])
      expect(verdicts.filter((line) => line.includes(verdict)).length, verdict).toBeGreaterThan(10)
  },
  COMPILING_MS,
)

function verdictOf(bytes: Buffer): string {
  const scanner = new MessageScanner()
  scanner.push(Buffer.from(bytes))
  try {
    const message = scanner.next()
    if (message === undefined) return 'no whole message yet; no spec'
    const isSpec = message.length === bytes.length && validate(launchSpecSchema, decode(message)).invalid === undefined
    return `a message of ${message.length} bytes; ${isSpec ? 'a spec' : 'no spec'}`
  } catch (error) {
    return `${(error as Error).message}; no spec`
  }
}

/** The examples of the documents, as bytes; the spec comes often, since most mutations of it break. */
function documentedMessages(): Buffer[] {
  const docs = ['launch', 'wire'].map((name) => readFileSync(resolve(crate, `../../docs/${name}.md`), 'utf8'))
  const blocks = [...docs.join('\n').matchAll(/^```msgpack (\w+).*\n([0-9a-f]+)\n/gm)]
  return blocks.flatMap(([, kind, hex = '']) =>
    Array.from({ length: kind === 'spec' ? 20 : 1 }, () => Buffer.from(hex, 'hex')),
  )
}

/** Changes, drops, repeats and inserts bytes, a few at a time. */
function mutate(corpus: readonly Buffer[], random: (below: number) => number): Buffer {
  let bytes = corpus[random(corpus.length)] as Buffer
  for (let changes = random(3); changes >= 0; changes -= 1) {
    const at = random(bytes.length)
    const piece = bytes.subarray(at, at + random(16))
    const before = bytes.subarray(0, at)
    bytes = [
      () => Buffer.concat([before, Buffer.of(random(256)), bytes.subarray(at + 1)]),
      () => Buffer.concat([before, Buffer.of((bytes[at] ?? 0) ^ (1 << random(8))), bytes.subarray(at + 1)]),
      () => Buffer.concat([before, bytes.subarray(at + piece.length)]),
      () => Buffer.concat([before, piece, bytes.subarray(at)]),
      () => Buffer.concat([before, Buffer.of(HEADERS[random(HEADERS.length)] as number), bytes.subarray(at)]),
    ][random(5)]?.() as Buffer
  }
  return bytes
}

const HEADERS = [0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xc0, 0xc1, 0xc6, 0xcb, 0xcf, 0xd3, 0xd4, 0xdb, 0xdd, 0xdf, 0xff]

/** mulberry32, so that a seed gives the same bytes everywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}
