import { closeSync, openSync } from 'node:fs'
import { runAndKeep } from './compiled.js'

// Without a spec it ends where it would read one.
closeSync(0)
openSync('/dev/null', 'r')

runAndKeep()
