import { setFlagsFromString } from 'node:v8'
import { runProgram } from './compiled.js'

/** What a supervisor needs of Node; `cluster` is loaded by every server that listens. */
const MODULES = ['child_process', 'cluster', 'events', 'net', 'os', 'timers/promises', 'util']

// V8 gives back what a start or a burst of work has used up only after 8 s without any; a supervisor has nothing else to do.
// Set when Node's own modules are loaded and the supervisor's code is read, since V8 rejects what was compiled under other
// flags; and before that code runs, which makes V8 begin to wait.
for (const name of MODULES) require(`node:${name}`)
runProgram(() => setFlagsFromString('--gc-memory-reducer-start-delay-ms=300'))
