import { setFlagsFromString } from 'node:v8'
import { runSupervisor } from './run.js'

// V8 gives back what a start or a burst of work has used up only after 8 s without any; a supervisor has nothing else to
// do. Set when all modules are loaded, because V8 rejects Node's compiled ones under other flags than they were made with.
setFlagsFromString('--gc-memory-reducer-start-delay-ms=300')

void runSupervisor()
