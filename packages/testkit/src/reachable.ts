import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { runRoot, sharedDirectory } from './run.js'

const REPOSITORY = resolve(import.meta.dirname, '../../..')

/**
 * A fixture program, or one of a package's `dist`, as a test may run it as another user: a copy, with what it imports, since the
 * repository may lie below a directory that only its owner may enter.
 *
 * @param path absolute.
 */
export function reachable(path: string): string {
  return join(shared(), relative(REPOSITORY, path))
}

/** Node, likewise. */
export function reachableNode(): string {
  const node = realpathSync(process.execPath)
  return isOpen(node) ? node : join(shared(), 'node')
}

/** One for all files of a run; where two make it at once the first one counts. */
function shared(): string {
  const target = sharedDirectory()
  if (existsSync(target)) return target
  const copy = mkdtempSync(join(runRoot(), 's'))
  fill(copy)
  try {
    renameSync(copy, target)
  } catch {
    rmSync(copy, { recursive: true })
  }
  return target
}

function fill(copy: string): void {
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@bgtask'), { recursive: true })
  for (const name of readdirSync(join(REPOSITORY, 'packages'))) {
    const manifest = join('packages', name, 'package.json')
    if (!existsSync(join(REPOSITORY, manifest))) continue
    for (const part of [manifest, join('packages', name, 'dist'), join('packages', name, 'test/fixtures')]) {
      if (existsSync(join(REPOSITORY, part))) cpSync(join(REPOSITORY, part), join(copy, part), { recursive: true })
    }
    symlinkSync(join('../../packages', name), join(modules, '@bgtask', name))
    const { dependencies = {} } = JSON.parse(readFileSync(join(REPOSITORY, manifest), 'utf8'))
    for (const dependency of Object.keys(dependencies)) copyLibrary(join('packages', name), dependency, modules)
  }
  cpSync(join(REPOSITORY, 'e2e/fixtures'), join(copy, 'e2e/fixtures'), { recursive: true })
  const node = realpathSync(process.execPath)
  if (!isOpen(node)) copyFileSync(node, join(copy, 'node'), constants.COPYFILE_FICLONE)
  open(copy)
}

/** A library that a package depends on; none of ours depends on one that has dependencies itself. */
function copyLibrary(from: string, name: string, modules: string): void {
  const source = join(REPOSITORY, from, 'node_modules', name)
  if (name.startsWith('@bgtask/') || existsSync(join(modules, name))) return
  cpSync(realpathSync(source), join(modules, name), { recursive: true })
}

/** Whether anybody may read and execute it. */
function isOpen(path: string): boolean {
  if ((statSync(path).mode & 0o5) !== 0o5) return false
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o1) === 0) return false
  }
  return true
}

/** The files may be their owner's alone, as the umask of a clone had it. */
function open(path: string): void {
  chmodSync(path, 0o755)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) open(join(path, entry.name))
    else if (entry.isFile()) chmodSync(join(path, entry.name), 0o755)
  }
}
