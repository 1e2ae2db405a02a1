import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../../lib/pairs.mjs'
import { Cannot, interleave, need } from '../lib/measure.mjs'
import { withSession } from '../lib/session.mjs'
import { until } from '../lib/until.mjs'

const clock = fileURLToPath(new URL('../fixtures/clock.mjs', import.meta.url))
const PIECE_MIB = 16
/** Between two looks at the clock, so that these cost next to nothing. */
const STEP_MIB = 64
const LIMIT_SECONDS = 10
const LAST_LINE = 'the last line of all'

export const drain = {
  id: 'drain',
  title: 'Drain output while keeping the last MiB',
  run: async ({ peers, plan, onSample }) => {
    const directory = mkdtempSync(join(tmpdir(), 'bgd-'))
    const piece = join(directory, 'piece')
    writeText(piece)
    try {
      const sample = (peer) => withSession(peer, (session) => drainOnce(session, piece, plan.drainMiB))
      const results = await interleave(peers, plan.heavyRounds, sample, onSample)
      return [
        {
          title: `Drain ${plan.drainMiB} MiB of text lines, or what of it takes ${LIMIT_SECONDS} s, while keeping the last MiB`,
          unit: 'MiB/s',
          more: true,
          results,
        },
      ]
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}

/** The command itself notes when all it has written was taken; reading the end afterwards proves that it was kept. */
async function drainOnce(session, piece, mebibytes) {
  if (!session.bounded) throw new Cannot(session.output ? 'keeps all of it in a file, without bound' : 'keeps nothing')
  const directory = dirname(piece)
  const [begin, end] = ['begin', 'end'].map((name) => join(directory, `${session.mark}.${name}`))
  const step = `cat ${Array(STEP_MIB / PIECE_MIB)
    .fill(piece)
    .join(' ')}`
  const script = `
    date +%s%N >${begin}; limit=$(($(date +%s) + ${LIMIT_SECONDS})); left=${mebibytes / STEP_MIB}
    while [ $left -gt 0 ] && [ $(date +%s) -lt $limit ]; do ${step}; left=$((left - 1)); done
    echo; echo ${LAST_LINE}
    echo $(date +%s%N) $left >${end}.tmp; mv ${end}.tmp ${end}; exec sleep 600`
  const task = await session.start({ name: 'drain', argv: ['sh', '-c', script], keepBytes: 2 ** 20 })
  await until(() => existsSync(end), 'end of the output', 120_000)
  await until(async () => (await session.output(task)).trimEnd().endsWith(LAST_LINE), 'the last line')
  const [endedAt, stepsLeft] = readFileSync(end, 'latin1').split(' ').map(Number)
  const seconds = (endedAt - Number(readFileSync(begin, 'latin1'))) / 1e9
  return (mebibytes - stepsLeft * STEP_MIB) / seconds
}

function writeText(path) {
  const fd = openSync(path, 'wx')
  const line = `${'0123456789abcdef'.repeat(4).slice(1)}\n`
  const block = Buffer.from(line.repeat(2 ** 20 / line.length))
  for (let index = 0; index < PIECE_MIB; index += 1) writeSync(fd, block)
  closeSync(fd)
}

export const latency = {
  id: 'latency',
  title: "From the command's write to a reader in another process",
  run: async ({ peers, plan, onSample }) => {
    const sample = (peer) => withSession(peer, readTimes)
    const results = await interleave(peers, plan.heavyRounds, sample, onSample)
    return [{ title: `${latency.title}, median of each round`, unit: 'ms', results }]
  },
}

async function readTimes(session) {
  const follow = need(session, 'follow', 'nobody can follow')
  const task = await session.start({ name: 'clock', argv: [process.execPath, clock] })
  const delays = []
  let rest = ''
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
    await until(() => delays.length >= 100, '100 lines at the reader', 15_000)
  } finally {
    stop()
    await sleep(10)
  }
  return median(delays)
}
