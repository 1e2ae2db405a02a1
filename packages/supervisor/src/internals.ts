// What the broken supervisors of the conformance kit's own tests patch. Built beside `index.ts`, so that it is the same code, and
// not published.
export { Lock } from './lock/lock.js'
export { TaskServer } from './server/server.js'
export { InputStream } from './streams/input.js'
export { OffsetBuffer } from './streams/offset-buffer.js'
export { OutputStream } from './streams/output.js'
export { OutputSpool } from './streams/spool/output-spool.js'
export { Segments } from './streams/spool/segments.js'
