import type { SomeSurvivors, Survivor } from '@bgtask/protocol'
import { livingThread, readProcessStat, readProcText } from './stat.js'
import type { TreeProcess } from './tree.js'

/** With commands cut, so many fit into a record (256 KiB) beside the largest meta and command, and into any message. */
const MAX_SURVIVORS = 100
const MAX_COMMAND_CHARACTERS = 200

/** Describes the first processes, as many as fit into a message and a record. */
export function describeSome(processes: readonly TreeProcess[]): SomeSurvivors {
  const survivors = describeProcesses(processes.slice(0, MAX_SURVIVORS))
  const more = processes.length - survivors.length
  return more === 0 ? { survivors } : { survivors, moreSurvivors: more }
}

/** Describes processes for people: pid, start time and command line. */
export function describeProcesses(processes: readonly TreeProcess[]): Survivor[] {
  return processes.map(({ pid, startTime }) => ({ pid, startTime, command: commandLine(pid) }))
}

function commandLine(pid: number): string {
  const stat = readProcessStat(pid)
  const thread = stat === undefined ? undefined : livingThread(stat)
  // A control character would take six characters of JSON.
  const command = (readProcText(`/proc/${thread}/cmdline`, 'utf8') ?? '').replaceAll(/\p{Cc}/gu, ' ').trim()
  return command.length > MAX_COMMAND_CHARACTERS ? `${command.slice(0, MAX_COMMAND_CHARACTERS)}…` : command
}
