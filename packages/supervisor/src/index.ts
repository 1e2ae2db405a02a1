export { defaultSupervisorCmd, supervisorCommand } from './command.js'
export { runSupervisor } from './run-supervisor.js'
export type { SupervisorOptions } from './supervisor-options.js'
