import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages } from '../public-packages.mjs'

const MARK = 'node_modules/.build.begin'

/** A build writes every file of its result, also those that have not changed. */
export function markBegin(root) {
  writeFileSync(join(root, MARK), '')
}

/**
 * Removes what earlier builds left in `dist` of the public packages: chunks have names by their content, and all files there are packed.
 *
 * @returns paths of the files.
 */
export function removeStale(root) {
  const begin = statSync(join(root, MARK)).mtimeMs
  const stale = publicPackages(root)
    .flatMap(({ directory }) => filesIn(join(directory, 'dist')))
    .filter((path) => statSync(path).mtimeMs < begin)
  for (const path of stale) rmSync(path)
  return stale
}

function filesIn(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
