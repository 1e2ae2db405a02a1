import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TaskPool } from '@bgtask/pool'

const NATIVE = fileURLToPath(new URL('../../packages/supervisor-native/dist/bgtask-supervisor', import.meta.url))

/** The supervisors that tasks can have: each with the command that starts it, undefined for the pool's default. */
const COMMANDS = { node: undefined, native: [NATIVE] }

export const SUPERVISORS = Object.keys(COMMANDS)

/** What is missing for a supervisor to start, if anything is. */
export function missingSupervisor(name) {
  return name === 'native' && !existsSync(NATIVE) ? `${NATIVE} is missing: the build left it out` : undefined
}

/** A pool whose tasks get the supervisor that `$CHAOS_SUPERVISOR` names. */
export function makePool(options) {
  const supervisorCmd = COMMANDS[process.env.CHAOS_SUPERVISOR]
  return new TaskPool({ ...options, ...(supervisorCmd && { supervisorCmd }) })
}
