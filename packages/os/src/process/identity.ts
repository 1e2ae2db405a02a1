import { readFileSync, readlinkSync } from 'node:fs'
import type { Liveness, ProcessIdentity } from '@bgtask/protocol'
import { isLive, readProcessStat } from './stat.js'

type Place = Required<Pick<ProcessIdentity, 'bootId' | 'machineId' | 'pidNamespace' | 'timeNamespace'>>

/** The kernel's limit on 64-bit machines: larger numbers are not pids. */
const MAX_PID = 2 ** 22

let here: Place | undefined

/** Where this process lives; read once, since none of it changes. */
export function currentPlace(): Place {
  here ??= {
    bootId: readTrimmed('/proc/sys/kernel/random/boot_id'),
    machineId: readTrimmed('/etc/machine-id'),
    pidNamespace: readLink('/proc/self/ns/pid'),
    timeNamespace: readLink('/proc/self/ns/time'),
  }
  return here
}

/** Identity of a process of this machine, this one unless another pid is given. */
export function processIdentity(pid: number = process.pid): ProcessIdentity {
  return { pid, startTime: readProcessStat(pid)?.startTime ?? null, ...currentPlace() }
}

/**
 * Whether the process of that identity still runs. `kill(pid, 0)` does not answer that: pids are reused, it
 * succeeds for a zombie, and EPERM means alive.
 */
export function liveness(identity: ProcessIdentity): Liveness {
  const { machineId, bootId } = currentPlace()
  if (identity.machineId !== machineId) return 'unknown'
  // Without a machine id, as in many containers, another boot may as well be another machine.
  if (identity.bootId !== bootId) return machineId === '' ? 'unknown' : 'dead'
  if (!isHere(identity)) return 'unknown'
  const now = livenessHere(identity.pid, hasSameClock(identity) ? identity.startTime : null)
  return now === 'alive' && !hasSameClock(identity) ? 'unknown' : now
}

/** Whether a pid of that identity means the same process here: same machine, boot and pid namespace. */
export function isHere({ machineId, bootId, pidNamespace }: Omit<ProcessIdentity, 'pid' | 'startTime'>): boolean {
  const here = currentPlace()
  if (machineId !== here.machineId || bootId !== here.bootId) return false
  return here.pidNamespace !== '' && pidNamespace === here.pidNamespace
}

/** Whether start times of that identity are counted from the same moment as those that are read here. */
export function hasSameClock({ timeNamespace = '' }: Pick<ProcessIdentity, 'timeNamespace'>): boolean {
  const here = currentPlace().timeNamespace
  return timeNamespace === '' || here === '' || timeNamespace === here
}

/**
 * As `liveness`, of a process of this pid namespace. `hidepid` hides the processes of others, so one that `/proc` does not
 * show is dead only if the kernel knows no such pid either.
 */
export function livenessHere(pid: number, startTime: number | null): Liveness {
  if (isRunning(pid, startTime)) return 'alive'
  return readProcessStat(pid) === undefined && existsHere(pid) ? 'unknown' : 'dead'
}

/** Whether a process with that pid and start time runs here and is no zombie. */
export function isRunning(pid: number, startTime: number | null): boolean {
  const stat = readProcessStat(pid)
  if (stat === undefined || !isLive(stat)) return false
  return startTime === null || stat.startTime === startTime
}

/** Whether anything has that pid: a zombie too, and a process that may not be signalled. */
function existsHere(pid: number): boolean {
  if (pid < 1 || pid > MAX_PID) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function readTrimmed(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
