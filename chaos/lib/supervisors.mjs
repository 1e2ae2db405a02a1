import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TaskPool } from '@bgtask/pool'

const NATIVE = fileURLToPath(
  new URL(`../../packages/supervisor-linux-${process.arch}/bgtask-supervisor`, import.meta.url),
)

/** The supervisors that tasks can have, as options of the pool. */
const OPTIONS = { node: { supervisor: 'node' }, native: { supervisorCmd: [NATIVE] } }

export const SUPERVISORS = Object.keys(OPTIONS)

/** What is missing for a supervisor to start, if anything is. */
export function missingSupervisor(name) {
  return name === 'native' && !existsSync(NATIVE) ? `${NATIVE} is missing: the build left it out` : undefined
}

/** A pool whose tasks get the supervisor that `$CHAOS_SUPERVISOR` names. */
export function makePool(options) {
  return new TaskPool({ ...options, ...OPTIONS[process.env.CHAOS_SUPERVISOR] })
}
