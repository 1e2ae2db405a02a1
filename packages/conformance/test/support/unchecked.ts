const LAUNCHER = 'of launchers, not of supervisors: packages/pool/test/launch holds ours to it'
const CLIENT = 'of clients, not of supervisors: packages/pool/test/bound-handle.test.ts holds ours to it'

/** Sentences that no check holds a supervisor to, and why. */
export const unchecked: Readonly<Record<string, string>> = {
  'L-17': LAUNCHER,
  'L-50': LAUNCHER,
  'D-11':
    'what a supervisor writes to its log cannot be caused from outside; packages/supervisor/test holds ours to it',
  'W-210': CLIENT,
  'W-96':
    'it takes a pid that is reused at the right moment; packages/supervisor/test/stop.test.ts tells of what can be tested',
}
