import { execFile, execFileSync, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Output of a program that ends by itself. */
export async function run(program, args, env = process.env) {
  const { stdout } = await exec(program, args, { env, maxBuffer: 64 * 2 ** 20, timeout: 60_000 })
  return stdout.trim()
}

/** First number with a dot in what a program says, or undefined where it is not installed. */
export function versionFrom(program, args, pattern = /\d+\.\d[\w.]*/) {
  try {
    return pattern.exec(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))?.[0]
  } catch {
    return undefined
  }
}

/** Version of an installed Debian package whose programs do not print it. */
export const debianVersion = (name) =>
  versionFrom('dpkg-query', ['-W', '-f', '$' + '{Status} $' + '{Version}', name], /(?<=installed ).*/)

/** Gives what a program writes to `onData` until the returned function is called. */
export function followProgram(program, args, onData, { env = process.env, stdin = 'ignore' } = {}) {
  const child = spawn(program, args, { env, stdio: [stdin, 'pipe', 'ignore'] })
  child.stdout.setEncoding('latin1').on('data', onData)
  return () => child.kill('SIGKILL')
}
