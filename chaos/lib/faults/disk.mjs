import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { note } from '../journal.mjs'

/** Enough for the files of a crowd, and little to fill. */
const BYTES = 2 * 2 ** 20
const FILES = 600

/** What is not a page's worth any more may still take a record's worth: bytes go in pieces of both sizes. */
const PIECES = [64 * 1024, 4 * 1024, 1]

/** Mounts a small file system at a path; returns what takes it away again. */
export function mountSmall(path) {
  const options = `size=${BYTES},nr_inodes=${FILES},mode=0700`
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'chaos', path])
  if (status !== 0) throw new Error(`cannot mount a file system at ${path}: ${stderr}`)
  return () => spawnSync('umount', ['-l', path])
}

/** Fills the pool's file system to its last byte, or its last file, and makes room again. */
export class FullDisk {
  count = 0
  #random
  #filler
  #timer

  constructor({ pool }, random) {
    this.#random = random
    this.#filler = join(pool.path, 'filler')
  }

  begin() {
    this.#timer = setTimeout(
      () => {
        const kind = this.#random.pick(['bytes', 'files'])
        note('fault', 'disk', process.pid, `begin ${kind}`)
        this.count += 1
        mkdirSync(this.#filler)
        fill(this.#filler, kind)
        this.#timer = setTimeout(
          () => {
            this.#free()
            this.begin()
          },
          this.#random.integer(100, 3_000),
        )
      },
      this.#random.integer(300, 3_000),
    )
  }

  end() {
    clearTimeout(this.#timer)
    this.#free()
  }

  #free() {
    rmSync(this.#filler, { recursive: true, force: true })
    note('fault', 'disk', process.pid, 'end')
  }
}

/** With as many files as it takes, each of so many bytes as there is room for. */
function fill(directory, kind) {
  if (kind === 'files') {
    for (let number = 0; write(join(directory, `${number}`), 0); number += 1);
    return
  }
  for (const piece of PIECES) for (; write(join(directory, 'bytes'), piece); );
}

function write(file, bytes) {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' })
    return true
  } catch (error) {
    if (error.code === 'ENOSPC') return false
    throw error
  }
}
