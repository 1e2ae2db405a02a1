import { setFlagsFromString } from 'node:v8'
import { runSupervisor } from './run.js'

// V8 gives back what a start or a burst of work has used up only after 8 s without any; a supervisor has nothing else to
// do. Set when all modules are loaded, Node's own too, because V8 rejects their compiled code under other flags than it was
// made with: none of them may be loaded lazily, which would take a start 6 ms.
setFlagsFromString('--gc-memory-reducer-start-delay-ms=300')

void runSupervisor()
