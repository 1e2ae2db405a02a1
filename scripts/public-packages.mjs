import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @returns `{ name, directory, manifest }` of each package that is published. */
export function publicPackages(root = join(import.meta.dirname, '..')) {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map((directory) => ({ directory, manifest: JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => !manifest.private)
    .map(({ directory, manifest }) => ({ name: manifest.name, directory, manifest }))
}

/** Those that can be packed now: the package of a platform has its program only if that was built. */
export function packablePackages(root) {
  return publicPackages(root).filter(hasProgram)
}

export function hasProgram({ directory, manifest }) {
  return manifest.os === undefined || existsSync(join(directory, 'bgtask-supervisor'))
}
