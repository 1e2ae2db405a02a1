import { fileURLToPath } from 'node:url'
import { supervisorCommand } from '@bgtask/supervisor'
import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { tellLeftOut } from './support/left-out.js'

/** Broken supervisors: what is broken, the sentence or the title of the check that must find it, and how the check says so. */
const MUTANTS: [mutant: string, idOrTitle: string, reason: RegExp][] = [
  ['ready-too-early', 'L-31', /it said DAEMON_PID=\d+, but/],
  ['ready-without-child', 'L-34', /the pid of a ready line/],
  ['keeps-stderr', 'L-32', /the end of stderr, which somebody keeps open/],
  ['shows-nothing', 'L-46', /the bytes on stdout/],
  ['waits-for-the-terminal', 'L-47', /though nobody takes them/],
  ['ignores-epipe', 'L-37', /the exit of the supervisor/],
  ['stays-without-spec', 'L-11', /the exit of the supervisor/],
  ['leaks-launch-variable', 'L-21', /BGTASK_LAUNCH/],
  ['leaks-a-descriptor', 'L-26', /\+ {3}3/],
  ['no-session', 'L-23', /session/],
  ['no-lock', 'L-60', /the launch succeeded/],
  [
    'unlocks-too-early',
    'the lock is free after the final exit, held before, and taken again by a restart',
    /free while a restart is pending/,
  ],
  ['socket-for-everybody', 'D-2', /mode and group of \d+\.sock/],
  ['stale-record', 'D-6', /step/],
  ['wrong-clock', 'D-48', /timeNamespace/],
  ['leaves-socket', 'D-7', /\.sock/],
  ['replaces-names', 'D-52', /a ready line, though something listens/],
  ['follows-a-link', 'D-53', /mode of the file that the link \.\d+\.s names/],
  ['waits-for-a-fifo', 'D-54', /the exit of the supervisor/],
  ['reuses-a-name', 'D-59', /cannot be written/],
  ['follows-the-path', 'D-55', /files in the other directory/],
  ['follows-a-lock-link', 'L-71', /the launch succeeded/],
  ['wrong-offsets', 'W-110', /offset/],
  ['unclamped-offsets', 'output is read by offset, moved into what is kept', /offset: 1000000000000/],
  ['reading-forgets', 'W-112', /once/],
  [
    'ignores-wait',
    'a long poll answers at a byte, at the end, or when its time is up, and not before',
    /a poll of 150 ms took|it answered before/,
  ],
  ['never-blocked', 'W-116', /the info says that stdout is blocked/],
  ['bytes-as-text', 'W-5', /data/],
  ['integers-as-floats', 'W-4', /the float 3/],
  ['lost-exit', 'W-52', /exit 0/],
  ['stops-the-child-alone', 'W-91', /is left/],
  ['forgets-whom-it-found', 'W-200', /a process that the first stop had found is left|pid \d+ among \[\]/],
  ['leaves-survivors-uncounted', 'W-202', /moreSurvivors: undefined/],
  ['believes-in-zombies', 'D-50', /deep-equal/],
  ['waits-for-survivors', 'W-203', /took longer/],
  ['dies-of-an-alarm', 'L-70', /the state after SIGALRM/],
  ['falls-over-garbage', 'W-9', /another client noticed/],
  ['takes-any-garbage', 'W-9', /the supervisor disconnects/],
  ['answers-what-is-not-there', 'W-21', /must be an error, and gave null/],
  ['takes-clients-of-others', 'W-41', /an error for a hello of another task, not null/],
  ['judges-hello-late', 'W-43', /what became of the task/],
  ['ends-every-greeted-connection', 'W-44', /gone/],
  ['promises-features', 'W-45', /pty/],
  ['ignores-needs', 'L-16', /the pid of a ready line/],
  ['loses-special-names', 'L-18', /__proto__ among/],
  ['merges-special-names-away', 'W-62', /__proto__/],
  ['events-twice', 'W-170', /metaChange/],
  ['starts-before-stdin-ends', 'nothing is started before stdin has ended', /before stdin ended/],
  ['falls-over-eagain', 'a spec comes by a stdin that does not block, too', /the launch failed/],
  [
    'demands-every-key',
    'keys of restart and access may be missing, other keys of the spec may not',
    /the launch failed/,
  ],
  ['takes-any-factor', 'a wrong value in the spec fails the launch', /factor/],
  ['gives-to-a-shell', 'a program that the kernel cannot execute is not given to a shell', /the pid of a ready line/],
  ['ready-twice', 'the ready line is written once, and stdin is let go of', /ready lines/],
  ['keeps-stdin', 'the ready line is written once, and stdin is let go of', /still has the stdin of the launcher open/],
  [
    'stops-the-child-alone',
    'a launch that nobody waits for any more takes the descendants of its child along',
    /nothing is left/,
  ],
  ['kills-at-once', 'SIGTERM to the supervisor goes through the steps of the spec', /the signal of the first step/],
  [
    'never-unlocks',
    'the lock is free after an end by itself, and held while a stop is under way',
    /ended by itself is free/,
  ],
  [
    'unlocks-at-stop',
    'the lock is free after an end by itself, and held while a stop is under way',
    /free while a stop is under way/,
  ],
  ['group-of-its-own', 'the files of a task have the group that access names', /group of/],
  ['records-no-pause', 'each state is on record when it is reported', /state on record when the info says paused/],
  ['records-late', 'an exit is on record before the event reports it', /state on record at/],
  [
    'always-recorded',
    'an exit that cannot be recorded is reported all the same, and meta stays as it was',
    /recorded and exit code/,
  ],
  ['records-other-pipes', 'the pipes on record are those of the child', /which is fd 0 of the child/],
  ['needs-a-map', 'the map may be left out where no key of it is needed', /without a map of parameters/],
  ['takes-no-wide-integers', 'a small integer may be sent in any width', /type, id and error/],
  ['takes-2-MiB', 'a message of one byte more than 1 MiB is too long', /the supervisor disconnects/],
  ['takes-numbers-for-signals', 'a number is no signal, and 256 KiB are the most for one write', /must be an error/],
  ['cuts-long-writes', 'a number is no signal, and 256 KiB are the most for one write', /must be an error/],
  ['refuses-later-peers', 'hello takes a peer of a later version, and names all methods that are there', /protocol/],
  ['hides-a-method', 'hello takes a peer of a later version, and names all methods that are there', /readOrder/],
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
  ['answers-behind-the-end', 'a long poll from beyond the end waits for the byte at its offset', /offset and data/],
  [
    'cuts-long-chunks',
    'the order of reading leaves no gap in a long output',
    /offset of a chunk|bytes that the chunks cover/,
  ],
  ['stops-counting', 'offsets count on after an output was closed', /endOffset/],
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
  ['stops-late', 'stop answers as soon as nothing is left, not when the time of a step is over', /took \d+ ms/],
  ['stops-the-child-alone', 'the signal of a step reaches the whole process group of the child', /did not get SIGTERM/],
  ['stops-the-child-alone', 'stop does not answer before the process group is gone', /stop answered while/],
  [
    'survivors-without-start',
    'a process that survives a stop is named with start time and command, in exitStatus too',
    /startTime of survivor/,
  ],
  [
    'forgets-survivors',
    'a process that survives a stop is named with start time and command, in exitStatus too',
    /exitStatus.survivors names/,
  ],
  ['sees-no-cookies', 'stop ends each process that belongs to the task by one property alone', /by the cookie/],
  ['sees-no-pipes', 'stop ends each process that belongs to the task by one property alone', /by the pipe of stdin/],
  ['sees-no-pipes', 'stop ends what holds the pipes of an earlier run', /stdout of the run before/],
  ['sees-no-parents', 'stop ends each process that belongs to the task by one property alone', /by its parent/],
  ['sees-no-sessions', 'stop ends each process that belongs to the task by one property alone', /by the session/],
  [
    'sees-no-cookies',
    'kill with tree signals each process that belongs to the task by one property alone',
    /by the cookie/,
  ],
  ['pauses-the-same', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['pauses-without-a-limit', 'the pause before a restart grows by factor, up to maxDelayMs', /the pause after run 2/],
  ['counts-for-ever', 'a run of resetAfterMs makes the count of restarts start again', /state after run/],
  [
    'hides-a-failed-restart',
    'a restart that fails is an error, and leaves the task failed',
    /after a restart of a program/,
  ],
  ['ends-too-early', 'eof is not reported while a restart is pending', /eof of readStream in state backoff/],
  [
    'waits-for-the-next-run',
    'waitExit answers when the run ends, with the status of the last run',
    /waitExit of run 1/,
  ],
  ['tells-of-the-first-run', 'waitExit answers when the run ends, with the status of the last run', /after run 2/],
  ['takes-bytes-behind', 'bytes behind the spec fail the launch', /the pid of a ready line/],
  ['always-exits-with-0', 'a launch that failed does not exit with 0', /exit code/],
  ['begins-the-last-first', 'requests of a connection are begun in order', /meta after patches/],
  ['takes-two-parameters', 'a second parameter and a float for an integer are errors', /two parameters/],
  ['takes-floats', 'a second parameter and a float for an integer are errors', /the float 1.0/],
  ['takes-any-garbage', 'a str that is not UTF-8 ends the connection', /the supervisor disconnects/],
  ['always-restarted', 'a restart during a stop changes nothing, or comes after it', /state and run/],
  ['keeps-to-the-first-steps', 'a stop during a stop goes through its own steps', /the second stop/],
  ['stopped-whatever-happened', 'a stop in backoff cancels the restart', /exitStatus of the stop/],
  ['never-stopped', 'a run that outlives a stop ends as stopped, without a restart', /state and cause/],
  ['takes-no-text', 'what is written may come as str', /data/],
  [
    'accepts-what-is-closed',
    'writes that wait for room when stdin is closed are refused, and the others arrive',
    /bytes of the writes/,
  ],
  ['stops-counting', 'an output that was closed stays closed over a restart', /endOffset/],
  ['leaks-at-a-restart', 'the child of a later run inherits no descriptor either', /descriptors of ls/],
]

/** More than a check allows itself. */
const TIMEOUT_MS = 70_000

function checkOf(mutant: string, idOrTitle: string) {
  const program = fileURLToPath(new URL('fixtures/mutant.js', import.meta.url))
  const supervisorCmd = supervisorCommand([process.execPath, program, mutant])
  const check = conformanceChecks({ supervisorCmd }).find(
    ({ ids, level, title }) => title === idOrTitle || (level === 'must' && ids.includes(idOrTitle)),
  )
  if (check === undefined) throw new Error(`no check of ${idOrTitle}`)
  return check
}

describe.concurrent('a broken supervisor is caught', { timeout: TIMEOUT_MS }, () => {
  test.for(MUTANTS)('%s, by the check of %s', async ([mutant, id, reason], { skip }) => {
    const outcome = checkOf(mutant, id).run()
    const skipped = await outcome.then(({ skipped }) => skipped).catch(() => undefined)
    if (skipped !== undefined) {
      tellLeftOut(skipped)
      skip(skipped)
    }
    await expect(outcome).rejects.toThrow(reason)
  })
})

describe.concurrent('the same supervisor is not, where nothing is broken', { timeout: TIMEOUT_MS }, () => {
  const ids = [...new Set(MUTANTS.map(([, id]) => id))]
  test.for(ids)('%s', async (id, { skip }) => {
    const { skipped } = await checkOf('none', id).run()
    if (skipped === undefined) return
    tellLeftOut(skipped)
    skip(skipped)
  })
})
