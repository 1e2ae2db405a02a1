/**
 * Copies the declarations that users of a public package can reach, from `build`, where `tsc -b` puts all of them, to `dist`.
 * Fails if one of them names a private package, whose types a user could not resolve: such a type belongs in `@bgtask/protocol`.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const manifests = readdirSync('packages')
  .map((name) => join('packages', name, 'package.json'))
  .filter((path) => existsSync(path))
  .map((path) => ({ directory: dirname(path), ...JSON.parse(readFileSync(path, 'utf8')) }))
const privateNames = manifests.filter((manifest) => manifest.private).map(({ name }) => name)

const problems = manifests.filter((manifest) => !manifest.private).flatMap(publish)
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

/** Returns the problems. */
function publish({ directory, exports = {} }) {
  const dist = join(directory, 'dist')
  const build = join(directory, 'build')
  const entries = Object.values(exports).flatMap(({ types }) => (types ? [join(build, relative('dist', types))] : []))
  const files = reachable(entries)
  for (const name of existsSync(dist) ? readdirSync(dist, { recursive: true, encoding: 'utf8' }) : []) {
    if (name.endsWith('.d.ts') && !files.has(join(build, name))) rmSync(join(dist, name))
  }
  for (const file of files) cpSync(file, join(dist, relative(build, file)))
  return [...files].flatMap(privateImports)
}

/** The entries and what they import, and so on. */
function reachable(entries) {
  const files = new Set(entries)
  for (const file of files) {
    for (const path of importsOf(file)) {
      if (path.startsWith('.')) files.add(join(dirname(file), path.replace(/\.js$/, '.d.ts')))
    }
  }
  return files
}

function privateImports(file) {
  const names = importsOf(file).filter((path) => privateNames.includes(path))
  return names.map((name) => `${file} names ${name}, which is private`)
}

function importsOf(file) {
  const text = readFileSync(file, 'utf8')
  return Array.from(text.matchAll(/(?:from |import\(|import )['"]([^'"]+)['"]/g), ([, path]) => path)
}
