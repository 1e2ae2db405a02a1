import type { Mutant } from '../support/mutant.js'

export const infoMutants: readonly Mutant[] = [
  ['lost-exit', 'how the child ended is told', /exit 0/],
  ['merges-special-names-away', 'applyMeta takes names that objects of JavaScript have as any other', /__proto__/],
  [
    'counts-no-clients',
    'getInfo counts clients, dropped bytes and written bytes, and has the offsets of the exit',
    /clientCount/,
  ],
  [
    'forgets-what-it-dropped',
    'getInfo counts clients, dropped bytes and written bytes, and has the offsets of the exit',
    /discarded/,
  ],
  ['keeps-nils', 'applyMeta puts a map in the place of what is no map, without its nils', /the whole meta/],
  [
    'hides-a-failed-restart',
    'a restart that fails is an error, and leaves the task failed',
    /after a restart of a program/,
  ],
  ['never-stopped', 'a run that outlives a stop ends as stopped, without a restart', /state and cause/],
  ['shows-no-command', 'getInfo tells of the task', /sleep/],
  ['leaves-keys-out', 'getInfo tells everything in the table', /createdAt/],
  ['shows-no-output', 'what the child wrote is there when its exit is told, whoever still holds its pipe', /endOffset/],
  ['sees-no-pause', 'a child that was stopped is paused, whoever did it', /state paused/],
  ['hides-that-it-goes', 'a supervisor that is about to go says so', /terminating/],
  ['merges-one-level', 'applyMeta merges as RFC 7396 says', /deep/],
  ['takes-part-of-a-patch', 'a patch that makes meta too large changes nothing', /must be an error/],
  ['keeps-the-last-exit', 'the info is that of the current run after a restart', /the info of run 2/],
  [
    'keeps-the-failure',
    'failure says why the state is failed, and is nil in a later run',
    /after a restart from failed/,
  ],
  ['forgets-exit-offsets', 'exitOffsets are the ends of the outputs at the exit', /exitOffsets/],
  ['hides-why-stdin-is-closed', 'the info says why stdin was closed early', /closed and type of error/],
]
