const LAUNCHER = 'of launchers, not of supervisors: packages/pool/test/launch holds ours to it'
const READER = 'of readers, not of supervisors: packages/pool/test holds ours to it'

/** Sentences that no check holds a supervisor to, and why. */
export const unchecked: Readonly<Record<string, string>> = {
  'L-1': LAUNCHER,
  'L-2': LAUNCHER,
  'L-3': LAUNCHER,
  'L-4': LAUNCHER,
  'L-5': LAUNCHER,
  'L-50': LAUNCHER,
  'D-11':
    'what a supervisor writes to its log cannot be caused from outside; packages/supervisor/test holds ours to it',
  'D-30': READER,
  'D-31': READER,
  'D-32': READER,
  'D-33': READER,
  'D-34': READER,
  'D-35': READER,
  'D-36': READER,
  'D-37': READER,
  'D-40': READER,
  'D-41': READER,
  'D-42': READER,
  'D-43': READER,
  'D-44': READER,
  'D-45': READER,
  'D-46': READER,
  'W-31': 'of clients, not of supervisors: packages/client/test/custom-supervisor.test.ts holds ours to it',
  'W-96':
    'it takes a pid that is reused at the right moment; packages/supervisor/test/stop.test.ts tells of what can be tested',
}
