import type { Mutant } from '../support/mutant.js'

export const lingerMutants: readonly Mutant[] = [
  [
    'does-not-say-that-it-retired',
    'a supervisor retires when its task is over, and leaves the record',
    /retiredAt null of the record/,
  ],
  ['retires-with-the-child', 'a supervisor does not retire while output or a restart is to come', /./],
  ['waits-for-no-follower', 'a client that follows gets the rest before a supervisor retires', /./],
  [
    'keeps-the-modes-of-its-umask',
    'the spec is kept for its owner alone, byte for byte, unless it is not to be',
    /mode of the spec/,
  ],
  ['locks-no-directory', 'only one supervisor at a time has the directory of a task', /code of the error/],
  ['counts-runs-from-1', 'a retired task that is started again goes on where it has ended', /run, restarts/],
  ['ignores-resume', 'a retired task that cannot be started again stays as it is', /code of the error/],
  ['ignores-wrong-values', 'wrong values of lingerMs, keepSpec and resume fail the launch', /the pid of a ready line/],
]
