const LAUNCHER = 'of launchers, not of supervisors: packages/pool/test/launch holds ours to it'
const READER = 'of readers: it takes a second user, container or record of its own; packages/pool/test holds ours to it'
const SPOOL_READER = 'of readers: no driver reads files; packages/client/test and packages/pool/test hold ours to it'
const CLIENT = 'of clients, not of supervisors: packages/pool/test/bound-handle.test.ts holds ours to it'

/** Sentences that no check holds a supervisor to, and why. */
export const unchecked: Readonly<Record<string, string>> = {
  'L-6':
    'of launchers: no driver of the kit knows what a supervisor can do; packages/pool/test/launch holds ours to it',
  'L-17': LAUNCHER,
  'L-45': 'of launchers, not of supervisors: packages/supervisor/test/foreground.test.ts holds ours to it',
  'L-50': LAUNCHER,
  'L-72': LAUNCHER,
  'L-85': LAUNCHER,
  'D-11':
    'what a supervisor writes to its log cannot be caused from outside; packages/supervisor/test holds ours to it',
  'D-67': SPOOL_READER,
  'D-68': SPOOL_READER,
  'D-69': SPOOL_READER,
  'D-31': READER,
  'D-32': READER,
  'D-33': READER,
  'D-34': READER,
  'D-35': READER,
  'D-36': READER,
  'D-37': READER,
  'D-57': 'a driver lists what answers, not what is lost; packages/pool/test/lost/lost.test.ts holds our reader to it',
  'D-58': 'a driver makes no directory; packages/pool/test/directory/mkdir.test.ts holds our pool to it',
  'W-210': CLIENT,
  'W-96':
    'it takes a pid that is reused at the right moment; packages/supervisor/test/stop.test.ts tells of what can be tested',
  'W-201':
    'it takes a pid that is reused at the right moment; test/tree.test.ts of supervisor and supervisor-native holds ours to it',
  'W-138':
    'it takes a disk that is slow at the right moment; streams/spool of both supervisors leaves every call that may wait to other threads',
  'W-204':
    'it takes a wall clock that jumps; supervisor/test/restart.test.ts and supervisor-native/test/clock.test.ts hold ours to it',
}
