import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { delimiter, resolve } from 'node:path'
import { mergeEnvironment, SUPERVISOR_PID_VARIABLE } from '@bgtask/os'
import { CommandError, type LaunchSpec } from '@bgtask/protocol'
import { checkFormat } from './format.js'
import { closeAll, makePipes, type StdioPipes } from './pipes.js'

/** A child that runs: its process, and the supervisor's ends of its stdio. */
export interface StartedChild {
  readonly process: ChildProcess
  readonly pid: number
  readonly stdio: 'pipe' | 'socket'
  /** The supervisor's ends: fds of pipes, or Node's sockets. No stdin for `null`. */
  readonly stdin: number | Socket | undefined
  readonly stdout: number | Socket
  readonly stderr: number | Socket
}

export type ChildSpec = Pick<LaunchSpec, 'exec' | 'env' | 'cwd' | 'umask' | 'stdin'>

/**
 * Starts the child as the leader of a session of its own, with real pipes where they can be had.
 *
 * @param inherited pipes that are there already; fresh ones are made otherwise.
 * @throws CommandError where the program cannot be executed, saying why. Nothing is left behind then.
 */
export async function startChild(spec: ChildSpec, inherited: StdioPipes | undefined): Promise<StartedChild> {
  const pipes = inherited ?? (await makePipes())
  try {
    checkCwd(spec)
    checkFormat(spec)
    return pipes === undefined ? await startWithSockets(spec) : await startWithPipes(spec, pipes)
  } catch (error) {
    if (pipes !== undefined) closeAll(pipes.supervisor)
    throw error
  } finally {
    if (pipes !== undefined) closeAll(pipes.child)
  }
}

async function startWithPipes(spec: ChildSpec, { child, supervisor }: StdioPipes): Promise<StartedChild> {
  const [childStdin, childStdout, childStderr] = child
  const withoutStdin = spec.stdin === 'null'
  const started = spawnChild(spec, [withoutStdin ? 'ignore' : childStdin, childStdout, childStderr])
  const pid = await spawned(started, spec)
  const [stdin, stdout, stderr] = supervisor
  if (withoutStdin) closeAll([stdin])
  return { process: started, pid, stdio: 'pipe', stdin: withoutStdin ? undefined : stdin, stdout, stderr }
}

/** Where there is no `/proc`: Node's own "pipes", which are sockets. */
async function startWithSockets(spec: ChildSpec): Promise<StartedChild> {
  const started = spawnChild(spec, [spec.stdin === 'null' ? 'ignore' : 'pipe', 'pipe', 'pipe'])
  const pid = await spawned(started, spec)
  const [stdin, stdout, stderr] = started.stdio as unknown as [Socket | null, Socket, Socket]
  return { process: started, pid, stdio: 'socket', stdin: stdin ?? undefined, stdout, stderr }
}

function spawnChild(spec: ChildSpec, stdio: ('ignore' | 'pipe' | number)[]): ChildProcess {
  const [program, ...args] = spec.exec as [string, ...string[]]
  const env = mergeEnvironment(spec.env, { [SUPERVISOR_PID_VARIABLE]: String(process.pid) })
  const umask = process.umask(spec.umask)
  try {
    return spawn(program, args, { cwd: spec.cwd, env, stdio, detached: true })
  } catch (error) {
    // E2BIG and the like are thrown at once.
    throw commandError(spec, error)
  } finally {
    process.umask(umask)
  }
}

/** A pid is there at once where exec succeeded; where it failed the error comes later, and no exit ever does. */
function spawned(child: ChildProcess, spec: ChildSpec): number | Promise<number> {
  if (child.pid !== undefined) return child.pid
  return new Promise((_, reject) => {
    child.once('error', (error) => reject(commandError(spec, error)))
  })
}

const PROBLEMS = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'not-executable',
  EPERM: 'not-executable',
  ENOEXEC: 'not-executable',
  E2BIG: 'too-long',
} as const

function commandError(spec: ChildSpec, cause: unknown): CommandError {
  const code = isLostInPath(spec, cause) ? 'ENOENT' : ((cause as NodeJS.ErrnoException).code ?? '')
  const problem = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as keyof typeof PROBLEMS] : 'other'
  return new CommandError(spec.exec[0] as string, problem, undefined, { cause })
}

/** The kernel's search says EACCES of a name that is nowhere, too, if it may not look into one of the directories. */
function isLostInPath({ exec: [program = ''], env, cwd }: ChildSpec, cause: unknown): boolean {
  if ((cause as NodeJS.ErrnoException).code !== 'EACCES' || program.includes('/')) return false
  return !(env.PATH ?? '').split(delimiter).some((directory) => existsSync(resolve(cwd, directory, program)))
}

/** A bad cwd would come back as ENOENT naming the command. */
function checkCwd(spec: ChildSpec): void {
  try {
    if (!statSync(spec.cwd).isDirectory()) throw new Error('not a directory')
    accessSync(spec.cwd, constants.X_OK)
  } catch (cause) {
    throw new CommandError(spec.exec[0] as string, 'bad-cwd', spec.cwd, { cause })
  }
}
