import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { CommandError, type LaunchSpec } from '@bgtask/protocol'

const ELF = '\x7fELF'
const SHEBANG = '#!'

/** Where the kernel lists further formats that it was taught. */
const BINFMT_MISC = '/proc/sys/fs/binfmt_misc'

/**
 * Refuses a program whose format the kernel does not know. libc's `execvp`, through which Node starts programs, would give
 * it to a shell, and a spec without a shell is to be executed without one.
 *
 * @throws CommandError
 */
export function checkFormat(spec: Pick<LaunchSpec, 'exec' | 'env' | 'cwd'>): void {
  if (process.platform !== 'linux') return
  const head = headOf(spec)
  // What cannot be read or is not there is execvp's to report.
  if (head === undefined || head.startsWith(ELF) || head.startsWith(SHEBANG) || knowsFurtherFormats()) return
  const [program = ''] = spec.exec
  const message = `command is not executable: ${program}: unknown format (the first line of a script must begin with #!)`
  throw new CommandError(program, 'not-executable', undefined, { message })
}

function headOf({ exec: [program = ''], env, cwd }: Pick<LaunchSpec, 'exec' | 'env' | 'cwd'>): string | undefined {
  const directories = program.includes('/') ? [''] : (env.PATH ?? '/bin:/usr/bin').split(delimiter)
  for (const directory of directories) {
    const path = resolve(cwd, directory, program)
    if (isExecutable(path)) return readHead(path)
  }
  return undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function readHead(path: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const bytes = Buffer.alloc(ELF.length)
    return bytes.toString('latin1', 0, readSync(fd, bytes))
  } catch {
    // One may be allowed to execute what one may not read.
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function knowsFurtherFormats(): boolean {
  try {
    return readdirSync(BINFMT_MISC).some((name) => name !== 'register' && name !== 'status')
  } catch {
    return false
  }
}
