// docs.ts is for this package's own tests: it loads the TypeScript compiler.

export { eventually } from './eventually.js'
export { type NeedName, needs, pathOf } from './needs.js'
export {
  allPids,
  childrenOf,
  isAlive,
  type ProcessStat,
  processArgv,
  processCwd,
  processEnv,
  processFds,
  processStat,
} from './proc.js'
export { reachable, reachableNode } from './reachable.js'
export { type RunNodeOptions, type RunningNode, runNode } from './run-node.js'
export { makeTempDir, type TempDir, tempDir } from './temp-dir.js'
