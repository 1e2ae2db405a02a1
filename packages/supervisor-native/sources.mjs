import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = import.meta.dirname
const STAMP = '.sources.sha256'

/** Whether the program in that directory was built from the present sources. */
export function isOfPresentSources(directory) {
  const [program, stamp] = ['bgtask-supervisor', STAMP].map((name) => join(directory, name))
  return existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hashSources()
}

export function recordSources(directory) {
  writeFileSync(join(directory, STAMP), hashSources())
}

function hashSources() {
  const files = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => name.endsWith('.rs'))
  const hash = createHash('sha256')
  for (const file of ['Cargo.toml', 'Cargo.lock', 'build.mjs', ...files.map((name) => join('src', name)).sort()]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}
