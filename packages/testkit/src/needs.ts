import { spawnSync } from 'node:child_process'
import { accessSync, appendFileSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { missingFile } from './run.js'

interface Need {
  /** The program's path, or undefined where it cannot be had. */
  find: () => string | undefined
  /** What to do about it, for whoever reads the summary. */
  install: string
}

/** Debian's packages stand in `scripts/install-test-needs.sh` too. */
export const NEEDS = {
  'chromium-headless-shell': debian('chromium-headless-shell', () => inPath('chromium-headless-shell')),
  fish: debian('fish', () => inPath('fish')),
  flock: debian('util-linux', () => inPath('flock')),
  nvim: debian('neovim', () => inPath('nvim')),
  perl: debian('perl', () => inPath('perl')),
  prlimit: debian('util-linux', () => inPath('prlimit')),
  python3: debian('python3', () => inPath('python3')),
  'python3-msgpack': debian('python3-msgpack', pythonWithMsgpack),
  root: { install: 'run the tests as root', find: () => (process.getuid?.() === 0 ? '/' : undefined) },
  script: debian('bsdutils', () => inPath('script')),
  setpriv: debian('util-linux', () => inPath('setpriv')),
  tmux: debian('tmux', () => inPath('tmux')),
  unshare: debian('util-linux', () => inPath('unshare')),
  zsh: debian('zsh', () => inPath('zsh')),
} satisfies Record<string, Need>

/** What some tests need beyond Node and npm. */
export type NeedName = keyof typeof NEEDS

/**
 * Whether this machine has all the named needs: `test.runIf(needs('tmux', 'root'))('…', …)`. Missing ones are reported at
 * the end of the run.
 *
 * @throws under `CI=true` if one is missing: a CI machine must not skip tests.
 */
export function needs(...names: NeedName[]): boolean {
  const missing = names.filter((name) => find(name) === undefined)
  if (missing.length > 0 && process.env.CI === 'true') {
    throw new Error(`These tests need ${missing.map((name) => `${name} (${NEEDS[name].install})`).join(', ')}`)
  }
  for (const name of missing) appendFileSync(missingFile(), `${name}: ${NEEDS[name].install}\n`)
  return missing.length === 0
}

/** The program's path; only for tests that stand under `needs(name)`. */
export function pathOf(name: NeedName): string {
  const path = find(name)
  if (path === undefined) throw new Error(`${name} is not on this machine: ${NEEDS[name].install}`)
  return path
}

const found = new Map<NeedName, string | undefined>()

function find(name: NeedName): string | undefined {
  if (!found.has(name)) found.set(name, NEEDS[name].find())
  return found.get(name)
}

function debian(pkg: string, program: () => string | undefined): Need {
  return { install: `apt-get install -y --no-install-recommends ${pkg}`, find: program }
}

function inPath(program: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return directories.map((directory) => join(directory, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Debian's module is seen by Debian's Python only, which need not be the first one in PATH. */
function pythonWithMsgpack(): string | undefined {
  const canImport = (python: string) => spawnSync(python, ['-c', 'import msgpack']).status === 0
  return [inPath('python3'), '/usr/bin/python3'].filter((python) => python !== undefined).find(canImport)
}
