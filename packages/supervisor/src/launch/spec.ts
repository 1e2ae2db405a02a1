import { readSync } from 'node:fs'
import { InvalidOptionError, type LaunchSpec, launchSpecSchema, MAX_SPEC_BYTES, validate } from '@bgtask/protocol'
import { decode } from '@bgtask/protocol/rpc'
import { checkNeeds } from '../features.js'

/** A spec, and the bytes that it was read from. */
export interface GivenSpec {
  readonly spec: LaunchSpec
  readonly bytes: Buffer
}

/**
 * Reads the launch spec from stdin to its end. A supervisor that was started early waits here, in the kernel, at no cost.
 *
 * @returns undefined where stdin ended without a byte: the spec never came.
 * @throws InvalidOptionError naming what is wrong with it; UnsupportedError naming the features that it needs and that are missing.
 */
export function readSpec(fd = 0): GivenSpec | undefined {
  const bytes = readToEnd(fd)
  if (bytes.length === 0) return undefined
  return { spec: parseSpec(bytes), bytes }
}

function parseSpec(bytes: Buffer): LaunchSpec {
  let message: unknown
  try {
    message = decode(bytes)
  } catch (cause) {
    throw new InvalidOptionError('spec', `${bytes.length} bytes`, 'must be one msgpack map', { cause })
  }
  const { value, invalid } = validate(launchSpecSchema, message)
  if (invalid !== undefined) throw new InvalidOptionError(invalid.path || 'spec', invalid.got, invalid.problem)
  checkNeeds(value.needs)
  return value
}

function readToEnd(fd: number): Buffer {
  const chunks: Buffer[] = []
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafeSlow(64 * 1024)
    const count = readPatiently(fd, chunk)
    if (count === 0) return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, count))
    total += count
    if (total > MAX_SPEC_BYTES)
      throw new InvalidOptionError('spec', `${total} bytes`, `must be at most ${MAX_SPEC_BYTES} bytes`)
  }
}

/** A launcher may hand over a non-blocking stdin; then there is nothing to do but to look again. */
function readPatiently(fd: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, chunk)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
