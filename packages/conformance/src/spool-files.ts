import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.js'

/** A file of an output, or of the order of reading. */
export interface SpoolFile {
  readonly name: string
  readonly path: string
  readonly from: number
  readonly size: number
}

/** The directory of a task's output. */
export const spoolPath = (bench: Bench, taskId: string): string => join(bench.path, `${taskId}.d`)

/** The name of the file that begins at that offset. */
export const segmentName = (stream: 0 | 1 | 2, from: number): string => `${stream}.${String(from).padStart(16, '0')}`

/** The files of a stream, oldest first, as they were at one moment: no file was made or removed meanwhile. */
export function filesOf(directory: string, stream: 0 | 1 | 2): SpoolFile[] {
  for (;;) {
    const names = namesOf(directory, stream)
    const files = names.map((name) => {
      const path = join(directory, name)
      return { name, path, from: Number(name.slice(2)), size: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }
    })
    if (namesOf(directory, stream).join() === names.join()) return files
  }
}

/** What the files of a stream hold; they must follow each other without a gap. */
export function bytesOf(files: readonly SpoolFile[]): Buffer {
  let end = files[0]?.from ?? 0
  for (const { name, from, size } of files) {
    assert.equal(from, end, `the offset in the name ${name}, which follows a file that ends at ${end}`)
    end = from + size
  }
  return Buffer.concat(files.map(({ path }) => readFileSync(path)))
}

export const sizeOf = (files: readonly SpoolFile[]): number => files.reduce((sum, { size }) => sum + size, 0)

function namesOf(directory: string, stream: 0 | 1 | 2): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(`${stream}.`) && /^\d\.\d{16}$/.test(name))
    .sort()
}
