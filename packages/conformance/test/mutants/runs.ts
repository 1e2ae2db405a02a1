import type { Mutant } from '../support/mutant.js'

export const runsMutants: readonly Mutant[] = [
  ['events-twice', 'events tell what happens, once, to every subscriber', /metaChange/],
  ['starts-the-run-before', 'events tell what happens, once, to every subscriber', /run of stateChange to starting/],
  [
    'reports-no-stream-errors',
    'events report errors of streams, restarts to come, and the end of a later run',
    /the event streamError/,
  ],
  [
    'never-will-restart',
    'events report errors of streams, restarts to come, and the end of a later run',
    /willRestart of run 1/,
  ],
  ['pauses-the-same', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['pauses-without-a-limit', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['counts-for-ever', 'a run of resetAfterMs makes the count of restarts start again', /state after run/],
  [
    'waits-for-the-next-run',
    'waitExit answers when the run ends, with the status of the last run',
    /waitExit of run 1/,
  ],
  ['tells-of-the-first-run', 'waitExit answers when the run ends, with the status of the last run', /after run 2/],
  ['always-restarted', 'a restart during a stop changes nothing, or comes after it', /state and run/],
  ['always-restarted', 'the requests of the documents are answered as the documents say: everything else', /restart/],
  ['always-restarted', 'restart starts a new run, and only where none runs', /true !== false|restarted/],
  ['forgets-where-a-run-begins', 'a new run has pipes of its own, and offsets go on', /runOffset/],
  [
    'forgets-where-a-run-begins',
    'what holds the pipes of an earlier run is not mixed into the output of a new one',
    /stale/,
  ],
  ['restarts-once-more', 'the restart policy is followed', /crash loop/],
  ['waits-for-a-restart-after-a-stop', 'no restart follows a stop', /backoff/],
  ['calls-a-timeout-a-stop', 'a run that takes too long is ended', /timeout/],
  ['waits-for-the-next-run', 'waitExit is done when a run has ended, now or before', /./],
  ['counts-too-few', 'a subscriber that does not read learns how many events it missed', /missed/],
  ['restarts-once-more', 'keys of restart that are missing have their defaults', /state and run/],
]
