import { fileURLToPath } from 'node:url'

const JOB = fileURLToPath(new URL('../programs/job.sh', import.meta.url))

const KINDS = { quick: 3, sleeper: 3, tree: 3, escape: 4, cat: 2, flood: 1, stream: 3 }

/** Options of `spawn` for the next task, whatever kind it may be. */
export function planTask(random, key, lockfiles) {
  const kind = random.weighted(KINDS)
  // Every byte of a stream can be correct only in one run that is not ended early.
  const isStream = kind === 'stream'
  const lockfile = !isStream && random.chance(0.5) ? random.pick(lockfiles) : undefined
  const restart =
    !isStream && random.chance(0.3) ? { on: 'failure', delayMs: random.integer(0, 300), maxRestarts: 3 } : undefined
  return taskOptions(key, kind, {
    lines: random.integer(1, 40_000),
    seconds: random.integer(2, 30) / 10,
    code: random.chance(0.5) ? 0 : random.integer(1, 3),
    main: kind === 'escape' ? planEscape(random, ['term', 'pipes', 'environment', 'thread']) : [],
    daughters: kind === 'escape' ? Array.from({ length: random.integer(1, 3) }, () => planEscape(random, ESCAPES)) : [],
    lockfile,
    restart,
    behavior: random.chance(0.15) ? 'background' : 'daemon',
    // A stop by time would come in between the one that is watched and its account.
    maxRuntimeMs: !isStream && kind !== 'escape' && random.chance(0.1) ? random.integer(100, 2_000) : undefined,
    launchTimeoutMs: random.chance(0.1) ? random.integer(20, 500) : undefined,
  })
}

/** What `programs/escape.sh` can drop, in an order in which it can. */
const ESCAPES = ['middle', 'session', 'term', 'pipes', 'environment', 'thread']

function planEscape(random, words) {
  // Two threads take a Python, which costs more than all the rest.
  return words.filter((word) => (word === 'thread' ? hasPython() && random.chance(0.15) : random.chance(0.5)))
}

function hasPython() {
  return (process.env.CHAOS_PYTHON ?? '') !== ''
}

/** A task that runs `programs/job.sh` in one of its ways. */
export function taskOptions(
  key,
  kind,
  { lines = 0, seconds = 1_000, code = 0, main = [], daughters = [], lockfile, ...rest } = {},
) {
  return {
    exec: ['/bin/sh', JOB],
    env: {
      CHAOS_ROLE: undefined,
      CHAOS_KEY: key,
      CHAOS_KIND: kind,
      CHAOS_LINES: String(lines),
      CHAOS_SECONDS: String(seconds),
      CHAOS_CODE: String(code),
      CHAOS_MAIN: main.join(),
      CHAOS_DAUGHTERS: daughters.map((words) => words.join() || 'nothing').join(' '),
      CHAOS_HOLDERS: lockfile === undefined ? '' : `${lockfile}.holders`,
    },
    meta: { key, kind, lines, side: process.env.CHAOS_SIDE ?? '' },
    stop: [
      { killSignal: 'TERM', waitMs: 200 },
      { killSignal: 'KILL', waitMs: 10_000 },
    ],
    maxReadBufSize: 64 * 1024,
    overflow: kind === 'stream' ? 'block' : 'discard',
    lockfile,
    ...rest,
  }
}

/** What a task of kind `stream` writes. */
export function streamContent(key, lines) {
  return Buffer.from(Array.from({ length: lines }, (_, line) => `${key} ${String(line).padStart(9, '0')}\n`).join(''))
}
