/** The pool's directory, for supervisors and children alike. */
export const POOL_PATH_VARIABLE = 'BGTASK_TASKPOOL_PATH'
/** Pid of the supervisor, for the child. */
export const SUPERVISOR_PID_VARIABLE = 'BGTASK_SUPERVISOR_PID'
/** Holds the task's id; each process that carries it belongs to the task's tree. */
export const COOKIE_VARIABLE = 'BGTASK_COOKIE'
/** `foreground`, `background` or `daemon`, for the supervisor. */
export const BEHAVIOR_VARIABLE = 'BGTASK_BEHAVIOR'
/** Random, of one launch: whatever carries it is ended when that launch fails. For the supervisor, never for the child. */
export const LAUNCH_VARIABLE = 'BGTASK_LAUNCH'
/** `1` for a supervisor that is started early, before its spec is known. */
export const STANDBY_VARIABLE = 'BGTASK_STANDBY'
/** `1` for a supervisor that is to detach itself from its launcher, if it can. */
export const DETACH_VARIABLE = 'BGTASK_DETACH'

const TASK_VARIABLES = new Set([
  POOL_PATH_VARIABLE,
  SUPERVISOR_PID_VARIABLE,
  COOKIE_VARIABLE,
  BEHAVIOR_VARIABLE,
  LAUNCH_VARIABLE,
  STANDBY_VARIABLE,
  DETACH_VARIABLE,
  'BGTASK_FDS',
])

/** The environment without the variables of an outer task, so that stopping that task spares the tasks spawned inside it. */
export function withoutTaskVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  // Each access to `process.env` costs a call, and all of its properties are enumerable.
  const names = Object.getOwnPropertyNames(env).filter((name) => !TASK_VARIABLES.has(name))
  const variables = names.map((name) => [name, env[name]] as const)
  // Another thread may have removed one meanwhile. Not by assignment, which would lose a variable `__proto__`.
  return Object.fromEntries(variables.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** Lays changes over an environment; `undefined` unsets. Neither argument is changed. */
export function mergeEnvironment(
  base: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const merged: Record<string, string | undefined> = { ...base, ...changes }
  for (const [name, value] of Object.entries(changes)) if (value === undefined) delete merged[name]
  return merged as Record<string, string>
}
