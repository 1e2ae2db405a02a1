export { defaultSupervisorCmd, supervisorCommand } from './command.js'
export type { SupervisorOptions } from './launch/make-task.js'
export { runSupervisor } from './run-supervisor.js'
