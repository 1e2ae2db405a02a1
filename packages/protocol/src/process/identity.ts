import { readFileSync, readlinkSync } from 'node:fs'
import type { ProcessIdentity } from '../contract/record.js'
import { isLive, readProcessStat } from './stat.js'

/**
 * `alive`: exactly that process runs. `dead`: it does not, or it is a zombie.
 * `unknown`: it belongs to another machine, boot or pid namespace, or there is no `/proc`: this side cannot tell.
 */
export type Liveness = 'alive' | 'dead' | 'unknown'

type Place = Pick<ProcessIdentity, 'bootId' | 'machineId' | 'pidNamespace'>

let here: Place | undefined

/** Where this process lives; read once, since none of it changes. */
export function currentPlace(): Place {
  here ??= {
    bootId: readTrimmed('/proc/sys/kernel/random/boot_id'),
    machineId: readTrimmed('/etc/machine-id'),
    pidNamespace: readLink('/proc/self/ns/pid'),
  }
  return here
}

/** Identity of a process of this machine, this one unless another pid is given. */
export function processIdentity(pid: number = process.pid): ProcessIdentity {
  return { pid, startTime: readProcessStat(pid)?.startTime ?? null, ...currentPlace() }
}

/**
 * Whether the process of that identity still runs. `kill(pid, 0)` cannot tell: pids are reused, a zombie answers,
 * and EPERM is alive.
 */
export function liveness(identity: ProcessIdentity): Liveness {
  const place = currentPlace()
  if (identity.machineId !== place.machineId) return 'unknown'
  // Without a machine id, as in many containers, another boot may as well be another machine.
  if (identity.bootId !== place.bootId) return place.machineId === '' ? 'unknown' : 'dead'
  if (identity.pidNamespace !== place.pidNamespace || place.pidNamespace === '') return 'unknown'
  return isRunning(identity.pid, identity.startTime) ? 'alive' : 'dead'
}

/** Whether a process with that pid and start time runs here and is no zombie. */
export function isRunning(pid: number, startTime: number | null): boolean {
  const stat = readProcessStat(pid)
  if (stat === undefined || !isLive(stat)) return false
  return startTime === null || stat.startTime === startTime
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
