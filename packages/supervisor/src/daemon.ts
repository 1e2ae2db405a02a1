import { runSupervisor } from './run.js'

void runSupervisor()
