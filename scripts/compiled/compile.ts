import { closeSync, openSync } from 'node:fs'
import { runAndKeep } from './compiled.js'

// `node compile.cjs [argument…]` runs the program with these arguments and without input: a daemon ends where it would read
// its spec.
closeSync(0)
openSync('/dev/null', 'r')

runAndKeep()
