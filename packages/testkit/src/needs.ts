import { spawnSync } from 'node:child_process'
import { accessSync, appendFileSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { missingFile } from './run.js'

interface Need {
  /** The program, or undefined where it cannot be had. */
  find: () => string | undefined
  /** What to do about it, for whoever reads the summary. */
  install: string
}

const NEEDS = {
  'chromium-headless-shell': debian('chromium-headless-shell', 'chromium-headless-shell'),
  flock: debian('flock', 'util-linux'),
  nvim: debian('nvim', 'neovim'),
  perl: debian('perl', 'perl'),
  'python3-msgpack': { find: pythonWithMsgpack, install: 'apt-get install -y python3-msgpack' },
  root: { find: () => (process.getuid?.() === 0 ? '/' : undefined), install: 'run the tests as root' },
  script: debian('script', 'bsdutils'),
  setpriv: debian('setpriv', 'util-linux'),
  tmux: debian('tmux', 'tmux'),
} satisfies Record<string, Need>

/** What some tests need beyond Node and npm. */
export type NeedName = keyof typeof NEEDS

/**
 * Whether this machine has all that is named: `test.runIf(needs('tmux', 'root'))('…', …)`. What is missing is told at
 * the end of the run.
 *
 * @throws under `CI=true` where something is missing: a machine that decides over a change must not leave tests out.
 */
export function needs(...names: NeedName[]): boolean {
  const missing = names.filter((name) => find(name) === undefined)
  if (missing.length > 0 && process.env['CI'] === 'true') {
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

function debian(program: string, pkg: string): Need {
  return { find: () => inPath(program), install: `apt-get install -y --no-install-recommends ${pkg}` }
}

function inPath(program: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']
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
