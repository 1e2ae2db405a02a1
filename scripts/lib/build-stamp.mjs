import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages } from '../public-packages.mjs'

const STAMP = 'node_modules/.build.sha256'

/** What a build depends on beside the packages: build scripts, compiler options, and the versions of what is bundled. */
const SHARED = ['package.json', 'pnpm-lock.yaml', 'tsconfig.base.json', 'tsup.config.ts', 'scripts']

/** Of each package; tests and documents change no build. */
const OWN = ['package.json', 'tsconfig.json', 'src']

/** Whether the present sources have been built, and all that a public package names is there. */
export function isFresh(root) {
  const stamp = join(root, STAMP)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hashSources(root) && missingFiles(root).length === 0
}

export function recordBuild(root) {
  writeFileSync(join(root, STAMP), hashSources(root))
}

function missingFiles(root) {
  return publicPackages(root).flatMap(({ directory, manifest: { exports, bin } }) =>
    strings([exports, bin])
      .filter((path) => path.startsWith('./dist/') && !path.includes('*'))
      .map((path) => join(directory, path))
      .filter((path) => !existsSync(path)),
  )
}

/** All strings in a value, however deep. */
function strings(value) {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}

export function hashSources(root) {
  const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name))
  const paths = [...SHARED, ...packages.flatMap((directory) => OWN.map((name) => join(directory, name)))]
  const hash = createHash('sha256')
  for (const path of paths.flatMap((path) => filesOf(root, path))) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** The file itself, or all files of a directory, in an order of their own. */
function filesOf(root, path) {
  if (!existsSync(join(root, path))) return []
  if (!statSync(join(root, path)).isDirectory()) return [path]
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}
