export { type Authorize, type ConsoleHandler, type ConsoleOptions, createConsole } from './console.js'
export { type NodeListener, nodeListener } from './node-listener.js'
export { type ServeConsoleOptions, type ServedConsole, serveConsole } from './serve-console.js'
export type { ConsoleAction, WriteAction } from './shared/messages.js'
