import { closeSync, openSync } from 'node:fs'
import { STANDBY_VARIABLE } from '@bgtask/protocol'
import { runAndKeep } from './compiled.js'

// A standby tries everything out, and ends where no spec comes.
process.env[STANDBY_VARIABLE] = '1'
closeSync(0)
openSync('/dev/null', 'r')

runAndKeep()
