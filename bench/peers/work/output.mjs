import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../../lib/benchmark.mjs'
import { median } from '../../lib/pairs.mjs'
import { Cannot, interleave, need } from '../lib/measure.mjs'
import { withSession } from '../lib/session.mjs'
import { until } from '../lib/until.mjs'

const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

const MIB = 2 ** 20
/** Reads between two reads of the clock, so that these cost almost nothing. */
const STEP_MIB = 64
/** A peer that is slow is not waited for any longer. */
const LIMIT_SECONDS = 10
const LAST_LINE = 'the last line of all'

export const drain = {
  id: 'drain',
  title: 'Drain output while keeping the last MiB',
  run: async ({ peers, plan, onSample }) => {
    const piece = join(temporaryDirectory(), 'piece')
    writeText(piece)
    const sample = (peer) => withSession(peer, (session) => drainOnce(session, piece, plan.drainMiB))
    const results = await interleave(peers, plan.heavyRounds, sample, onSample)
    const title = `Drain ${plan.drainMiB} MiB of text lines, or what of it takes ${LIMIT_SECONDS} s, while keeping the last MiB`
    return [{ title, unit: 'MiB/s', more: true, results }]
  },
}

/** The command itself notes when all that it has written was taken; reading it afterwards proves that the last MiB was kept. */
async function drainOnce(session, piece, mebibytes) {
  if (!session.bounded) throw new Cannot(session.output ? 'keeps all of it in a file, without bound' : 'keeps nothing')
  const notes = join(session.root, 'notes')
  const argv = ['sh', fixture('flood.sh'), notes, piece, STEP_MIB, mebibytes / STEP_MIB, LIMIT_SECONDS, LAST_LINE]
  const task = await session.start({ name: 'drain', argv: argv.map(String), keepBytes: MIB })
  await until(() => existsSync(notes), 'end of the output', 50_000)
  let kept = ''
  await until(async () => {
    kept = await session.output(task)
    return kept.trimEnd().endsWith(LAST_LINE)
  }, 'the last line')
  if (kept.length < MIB) throw new Error(`keeps ${kept.length} bytes`)
  const [written, nanoseconds] = readFileSync(notes, 'latin1').split(' ').map(Number)
  return written / (nanoseconds / 1e9)
}

/** A step's worth of lines of 64 bytes. */
function writeText(path) {
  const fd = openSync(path, 'wx')
  const line = `${'0123456789abcdef'.repeat(4).slice(1)}\n`
  const block = Buffer.from(line.repeat(MIB / line.length))
  for (let index = 0; index < STEP_MIB; index += 1) writeSync(fd, block)
  closeSync(fd)
}

export const latency = {
  id: 'latency',
  title: "From the command's write to a reader in another process",
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) => withSession(peer, readTimes)
    const results = await interleave(peers, plan.heavyRounds, sample, onSample)
    return [{ title: `${latency.title}, median of ${LINES} lines in each round`, unit: 'ms', results }]
  },
}

const LINES = 100

/** A command that writes the time of the write, by the clock that all processes share. */
async function readTimes(session) {
  const follow = need(session, 'follow', 'has no way to follow')
  const task = await session.start({ name: 'clock', argv: [process.execPath, fixture('clock.mjs')] })
  const delays = []
  let rest = ''
  // What was written before the reader had come to rest is not counted.
  const settled = process.hrtime.bigint() + 700_000_000n
  const stop = await follow(task, (text) => {
    const now = process.hrtime.bigint()
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const [time] of lines.join('\n').matchAll(/\d{8,}/g)) {
      if (BigInt(time) > settled) delays.push(Number(now - BigInt(time)) / 1e6)
    }
  })
  try {
    await until(() => delays.length >= LINES, `${LINES} lines at the reader`, 15_000)
  } finally {
    stop()
  }
  return median(delays.slice(0, LINES))
}
