import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'

/** The native supervisor of this machine, or why there is none that can be used. */
export type NativeSupervisor =
  | { readonly program: string; readonly software?: string }
  | { readonly program: undefined; readonly problem: NativeProblem; readonly reason: string }

/**
 * `platform`: it is not built for this one. `missing`: its package is not installed, or in a clone not built. `not-executable`: the file's
 * mode, or a file system that is mounted with `noexec`. `does-not-run`: it was started, or could not be.
 */
export type NativeProblem = 'platform' | 'missing' | 'not-executable' | 'does-not-run'

export interface NativeSearch {
  readonly platform?: string
  readonly arch?: string
  /** The file from which packages are resolved; this one by default. */
  readonly from?: string
}

/** Architectures that a package of Linux is built for. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64']

/** The program has the name of its role in each package. */
const PROGRAM = 'bgtask-supervisor'

/** It prints a line within a millisecond; a machine that swaps takes longer. */
const VERSION_TIMEOUT_MS = 5_000

/** Characters of what it prints that are shown. */
const MAX_WORDS = 100

const SOFTWARE = /^(@bgtask\/supervisor-native\/\S+)\n$/

/** An app that was bundled to CommonJS has an empty `import.meta`; packages are then resolved from the bundle. */
const here = import.meta.filename ?? __filename

/**
 * Finds the native supervisor in the package for this platform, an optional dependency of `@bgtask/supervisor`. Never fails: the
 * supervisor in Node does the same work. Whether the program runs is for `tryNativeSupervisor` to find out.
 */
export function locateNativeSupervisor(search: NativeSearch = {}): NativeSupervisor {
  const { platform = process.platform, arch = process.arch, from = here } = search
  if (platform !== 'linux' || !ARCHITECTURES.includes(arch)) {
    return none('platform', `there is no native supervisor for ${platform}-${arch}`)
  }
  const name = `@bgtask/supervisor-${platform}-${arch}`
  const program = findProgram(name, from)
  if (program === undefined) return none('missing', `the package ${name} is not installed`)
  try {
    accessSync(program, constants.X_OK)
  } catch {
    return none(
      'not-executable',
      `${program} may not be executed: its mode forbids that, or its file system is mounted with noexec`,
    )
  }
  return { program }
}

/** With npm the package is beside this one, with pnpm only beside the one that depends on it. */
function findProgram(name: string, from: string): string | undefined {
  const program = find(`${name}/${PROGRAM}`, from)
  const supervisor = program === undefined ? find('@bgtask/supervisor/package.json', from) : undefined
  return supervisor === undefined ? program : find(`${name}/${PROGRAM}`, supervisor)
}

function find(id: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(id)
  } catch {
    return undefined
  }
}

/** Whether the program runs here, and what software it is. */
export function tryNativeSupervisor(program: string): Promise<NativeSupervisor> {
  const options = { timeout: VERSION_TIMEOUT_MS, killSignal: 'SIGKILL', env: {} } as const
  return new Promise((resolve) => {
    execFile(program, ['--version'], options, (error: ExecError | null, stdout, stderr) => {
      const software = SOFTWARE.exec(stdout)?.[1]
      if (error === null && software !== undefined) resolve({ program, software })
      else resolve(none('does-not-run', `${program} does not run here: ${problemOf(error, stdout, stderr)}`))
    })
  })
}

function problemOf(error: ExecError | null, stdout: string, stderr: string): string {
  if (error === null)
    return `it is not the native supervisor, --version prints ${JSON.stringify(stdout.slice(0, MAX_WORDS))}`
  if (error.signal === 'SIGSYS') return 'a filter of system calls (seccomp) ended it'
  if (error.killed === true) return `it has printed no version within ${VERSION_TIMEOUT_MS} ms`
  if (typeof error.signal === 'string') return `${error.signal} ended it`
  // The file was there a moment ago.
  if (error.code === 'ENOENT') return 'its dynamic loader is missing, it was built for another C library'
  // Also a program for another processor, which Node gives to a shell.
  if (typeof error.code === 'number') return `it has ended with status ${error.code}: ${stderr.slice(0, MAX_WORDS)}`
  return error.message
}

type ExecError = Error & { code?: string | number | null; signal?: string | null; killed?: boolean }

function none(problem: NativeProblem, reason: string): NativeSupervisor {
  return { program: undefined, problem, reason }
}
