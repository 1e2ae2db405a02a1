export type { Profile } from './check.js'
export { formatOutcome, formatSummary } from './report.js'
export {
  type ConformanceCheck,
  type ConformanceOptions,
  type ConformanceReport,
  conformanceChecks,
  type Outcome,
  runConformance,
} from './run.js'
