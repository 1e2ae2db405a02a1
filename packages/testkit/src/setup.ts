import { expect } from 'vitest'
import { FILE_VARIABLE } from './run.js'

// Each test file has a worker of its own; what it starts says which file that was.
process.env[FILE_VARIABLE] = expect.getState().testPath ?? ''
