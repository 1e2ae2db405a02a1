import { setFlagsFromString } from 'node:v8'
import { runSupervisor } from './run-supervisor.js'

// V8 returns what a start or a burst of work has used only after 8 s of idleness; a supervisor has nothing else to wait for.
setFlagsFromString('--gc-memory-reducer-start-delay-ms=300')

void runSupervisor()
