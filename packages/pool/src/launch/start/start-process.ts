import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { DETACH_VARIABLE } from '@bgtask/os'
import { LaunchError } from '@bgtask/protocol'
import { commandLine } from '../command.js'
import { PipedSupervisor } from './piped-supervisor.js'
import type { Start, SupervisorStart } from './started-supervisor.js'

/**
 * Leaves its parent, since Node cannot: the supervisor's parent is this `sh`, which ends at once. In such a list stdin
 * would be `/dev/null`. The spec comes by fd 3, because Node closes its end of a child's stdin when that child exits.
 */
const DETACH = '"$@" <&3 3<&- &'

/** Starts any supervisor: in the foreground as a child of this process, else by a shell that leaves it. */
export const startProcess: Start = (start, listener) => {
  if (start.behavior === 'foreground') return startForeground(start, listener)
  const child = spawnChild(start, '/bin/sh', ['-c', DETACH, 'sh', ...start.argv], {
    detached: start.behavior === 'daemon',
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const spec = child.stdio?.[3] as Socket | undefined
  return new PipedSupervisor({ child, spec, isForeground: false, hasStatus: false }, listener)
}

/** Starts a supervisor with the feature `detach`, which leaves this process when it has read its spec. */
export const startDetaching: Start = (start, listener) => {
  if (start.behavior === 'foreground') return startForeground(start, listener)
  const env = { ...start.env, [DETACH_VARIABLE]: '1' }
  const child = spawnProgram({ ...start, env }, { stdio: ['pipe', 'ignore', 'pipe'] })
  return new PipedSupervisor({ child, spec: specOf(child), isForeground: false, hasStatus: true }, listener)
}

const startForeground: Start = (start, listener) => {
  const child = spawnProgram(start, { stdio: ['pipe', 'pipe', 'pipe'] })
  return new PipedSupervisor({ child, spec: specOf(child), isForeground: true, hasStatus: true }, listener)
}

function spawnProgram(start: SupervisorStart, options: SpawnOptions): ChildProcess {
  const [program = '', ...args] = start.argv
  return spawnChild(start, program, args, options)
}

function spawnChild(
  { argv, env }: SupervisorStart,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  try {
    return spawn(program, args, { ...options, env })
  } catch (cause) {
    throw new LaunchError((cause as Error).message, { supervisor: commandLine(argv), cause })
  }
}

function specOf({ stdin }: ChildProcess): Socket | undefined {
  return (stdin ?? undefined) as Socket | undefined
}
