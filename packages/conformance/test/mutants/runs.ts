import type { Mutant } from '../support/mutant.js'

export const runsMutants: readonly Mutant[] = [
  ['events-twice', 'each event is sent once, to each subscriber', /metaChange/],
  ['starts-the-run-before', 'each event is sent once, to each subscriber', /run of stateChange to starting/],
  [
    'reports-no-stream-errors',
    'events report stream errors, pending restarts, and the end of a later run',
    /the event streamError/,
  ],
  [
    'never-will-restart',
    'events report stream errors, pending restarts, and the end of a later run',
    /willRestart of run 1/,
  ],
  ['pauses-the-same', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['pauses-without-a-limit', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['restarts-ten-times', 'a task without maxRestarts is restarted without a limit', /with maxRestarts nil/],
  ['counts-for-ever', 'a run of resetAfterMs resets the count of restarts', /state after run/],
  [
    'waits-for-the-next-run',
    'waitExit answers when the run ends, with the status of the last run',
    /waitExit of run 1/,
  ],
  ['is-done-with-any-run', 'waitExit answers when the run ends, with the status of the last run', /waitExit of run 3/],
  ['ends-without-an-event', 'a signal to the supervisor is reported by the event terminating', /the event terminating/],
  ['tells-of-the-first-run', 'waitExit answers when the run ends, with the status of the last run', /after run 2/],
  ['always-restarted', 'a restart during a stop has no effect, or waits for its end', /state and run/],
  ['always-restarted', 'the example requests of the documents are answered as documented: all others', /restart/],
  ['always-restarted', 'restart starts a new run if no child runs', /true !== false|restarted/],
  ['forgets-where-a-run-begins', 'a new run has its own pipes, and offsets continue', /runOffset/],
  ['forgets-where-a-run-begins', 'output of a process of an earlier run is not mixed into a new run', /stale/],
  ['restarts-once-more', 'the restart policy is followed', /crash loop/],
  ['waits-for-a-restart-after-a-stop', 'no restart follows a stop', /backoff/],
  ['calls-a-timeout-a-stop', 'a run that exceeds maxRuntimeMs is ended', /timeout/],
  ['waits-for-the-next-run', 'waitExit is done when a run has ended, now or before', /./],
  ['counts-too-few', 'a slow subscriber gets the number of missed events', /missed/],
  ['restarts-once-more', 'keys of restart that are missing have their defaults', /state and run/],
]
