import { expect, test } from 'vitest'
import { encodeFrame, FrameKind, FrameReader } from '../../../src/launch/spawner/frames.js'
import { decodeFailure, encodeLaunch } from '../../../src/launch/spawner/spawner-launch.js'

const FRAMES = [
  { kind: FrameKind.started, id: 1, payload: Buffer.from([1, 2, 3, 4]) },
  { kind: FrameKind.end, id: 0xffff_ffff, payload: Buffer.alloc(0) },
  { kind: FrameKind.stderr, id: 7, payload: Buffer.alloc(64 * 1024, 'x') },
]

test.each([1, 11, 12, 13, 1_000, 1_000_000])('frames are the same in pieces of %i bytes', (size) => {
  const bytes = Buffer.concat(FRAMES.map(({ kind, id, payload }) => encodeFrame(kind, id, payload)))
  const reader = new FrameReader()
  const frames = []
  for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)))
  expect(frames).toEqual(FRAMES)
})

test('a frame that no spawner sends is refused by its header', () => {
  const header = encodeFrame(FrameKind.stderr, 1)
  header.writeUInt32LE(64 * 1024 + 1, 8)
  expect(() => new FrameReader().push(header)).toThrow(RangeError)
})

test('a launch is written as the spawner reads it', () => {
  const launch = { argv: ['node', '-v'], env: { A: '1', PATH: '/bin' }, cwd: '/tmp', umask: 0o22 }
  expect(encodeLaunch({ ...launch, behavior: 'daemon' }).toString('latin1')).toBe(
    '\x01\0\0\0\x12\0\0\0\x02\0\0\0\x02\0\0\0/tmp\0node\0-v\0A=1\0PATH=/bin\0',
  )
  expect(encodeLaunch({ ...launch, behavior: 'background' }).readUInt32LE(0)).toBe(0)
})

test.each([{ argv: ['a\0b'] }, { env: { A: 'a\0b' } }, { cwd: '/a\0b' }])(
  '%j is refused for its NUL byte',
  (changes) => {
    const launch = { argv: ['a'], env: {}, cwd: '/', umask: 0, behavior: 'daemon' as const }
    expect(() => encodeLaunch({ ...launch, ...changes })).toThrow(/NUL byte/)
  },
)

test('a failure names the step and the error', () => {
  expect(decodeFailure(Buffer.from([2, 0, 0, 0, 2, 0, 0, 0]))).toEqual({
    kind: 'not-started',
    step: 'exec',
    code: 'ENOENT',
  })
})
