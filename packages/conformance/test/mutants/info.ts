import type { Mutant } from '../support/mutant.js'

export const infoMutants: readonly Mutant[] = [
  ['lost-exit', 'exitStatus says how the child ended', /exit 0/],
  ['merges-special-names-away', 'applyMeta treats __proto__, constructor and toString as ordinary keys', /__proto__/],
  [
    'counts-no-clients',
    'getInfo counts clients, dropped and written bytes, and has the offsets of the exit',
    /clientCount/,
  ],
  [
    'forgets-what-it-dropped',
    'getInfo counts clients, dropped and written bytes, and has the offsets of the exit',
    /discarded/,
  ],
  ['keeps-nils', 'applyMeta replaces a scalar by a map without its nils', /the whole meta/],
  [
    'hides-a-failed-restart',
    'a restart that fails is an error, and leaves the task failed',
    /after a restart of a program/,
  ],
  ['never-stopped', 'a run that outlives a stop has the cause stopped, without a restart', /state and cause/],
  ['shows-no-command', 'getInfo describes the task', /sleep/],
  ['leaves-keys-out', 'getInfo returns every key of the table', /createdAt/],
  ['shows-no-output', 'output that the child wrote before its exit is readable when the exit is reported', /endOffset/],
  ['sees-no-pause', 'a stopped child is paused, whichever process stopped it', /state paused/],
  ['hides-that-it-goes', 'the state is terminating while a supervisor terminates', /terminating/],
  ['merges-one-level', 'applyMeta merges as RFC 7396 says', /deep/],
  ['takes-part-of-a-patch', 'a patch that makes meta too large changes nothing', /must be an error/],
  ['keeps-the-first-start', 'the info is that of the current run after a restart', /startedAt/],
  ['keeps-the-last-exit', 'the info is that of the current run after a restart', /the info of run 2/],
  [
    'keeps-the-failure',
    'failure has the reason for the state failed, and is nil in a later run',
    /after a restart from failed/,
  ],
  ['forgets-exit-offsets', 'exitOffsets are the ends of the outputs at the exit', /exitOffsets/],
  ['hides-why-stdin-is-closed', 'info has the reason why stdin was closed early', /closed and type of error/],
]
