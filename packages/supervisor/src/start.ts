import { runDaemon } from './compiled.js'

runDaemon()
