import { BEHAVIOR_VARIABLE, mergeEnvironment, POOL_PATH_VARIABLE } from '@bgtask/os'
import { type Behavior, InvalidOptionError } from '@bgtask/protocol'
import type { SupervisorEnv } from '../pool-options.js'
import type { Caller } from './caller.js'
import type { SupervisorCommand } from './command.js'

/** How a supervisor is started, all but what tells one launch from another. */
export interface SupervisorPlan {
  readonly command: SupervisorCommand
  readonly behavior: Behavior
  /** Complete. */
  readonly env: Readonly<Record<string, string>>
  readonly caller: Caller
}

/** What a pool says about its supervisors. */
export interface PlanSettings {
  /** Laid over the caller's environment; `undefined` unsets. */
  readonly supervisorEnv: Readonly<SupervisorEnv>
  readonly command: () => SupervisorCommand
}

/** @throws InvalidOptionError if the pool's path is missing in `supervisorEnv`, or the supervisor is not installed. */
export function makePlan(behavior: Behavior, settings: PlanSettings, caller: Caller): SupervisorPlan {
  const env = mergeEnvironment(caller.env, settings.supervisorEnv)
  if (env[POOL_PATH_VARIABLE] === undefined) {
    const rule = 'must be set, supervisors need it (applySupervisorEnv keeps the defaults)'
    throw new InvalidOptionError(`supervisorEnv.${POOL_PATH_VARIABLE}`, undefined, rule)
  }
  return { command: settings.command(), behavior, env: { ...env, [BEHAVIOR_VARIABLE]: behavior }, caller }
}
