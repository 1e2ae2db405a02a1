// docs.ts is for this package's own tests: it loads the TypeScript compiler.

export { allPids, type ProcessStat, readProcessStat as processStat } from '@bgtask/os'
export { eventually } from './eventually.js'
export { type NeedName, needs, pathOf } from './needs.js'
export {
  childrenOf,
  isAlive,
  processArgv,
  processCwd,
  processEnv,
  processFds,
} from './proc.js'
export { reachable, reachableNode } from './reachable.js'
export { type RunNodeOptions, type RunningNode, runNode } from './run-node.js'
export { makeTempDir, type TempDir, tempDir } from './temp-dir.js'
