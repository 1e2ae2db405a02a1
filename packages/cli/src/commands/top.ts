import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskPool } from '@bgtask/pool'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { hasEnded } from '../targets.js'
import { frame } from '../top/frame.js'
import { Sampler, type TaskSample } from '../top/sample.js'
import { Screen } from '../top/screen.js'
import { count, duration, examples, poolCommand } from './common.js'

const DEFAULT_INTERVAL_MS = 1_000

export function topCommand() {
  return poolCommand('top')
    .description('show live resource usage and progress of tasks; q quits')
    .option('-a, --all', 'include tasks that have ended')
    .option('-d, --delay <duration>', 'time between updates (default: 1s)', duration)
    .option('-n, --count <times>', 'print this many updates, line by line (default without a terminal: 1)', count)
    .addHelpText('after', examples('bgtask top', 'bgtask top -n 1 --json'))
    .action(top)
}

interface TopOptions extends PoolOption {
  readonly json?: boolean
  readonly all?: boolean
  readonly delay?: number
  readonly count?: number
}

async function top({ json, all = false, delay = DEFAULT_INTERVAL_MS, count, ...options }: TopOptions): Promise<void> {
  const pool = openPool(options)
  const sampler = new Sampler(pool, all)
  const live = count === undefined && !json && process.stdout.isTTY
  if (live) return showLive(pool, sampler, delay)
  // A rate needs two samples, so the first one is not printed.
  await sampler.take()
  for (let left = count ?? (json ? Number.POSITIVE_INFINITY : 1); left > 0; left -= 1) {
    await sleep(delay)
    const samples = await sampler.take()
    if (json) await printJson({ at: Date.now(), tasks: samples.map(withoutInfo) })
    else for (const line of frame(samples, titleOf(pool, samples), {}, process.stdout)) await print(line)
  }
}

async function showLive(pool: TaskPool, sampler: Sampler, delay: number): Promise<void> {
  const quit = new AbortController()
  using screen = new Screen(() => quit.abort())
  while (!quit.signal.aborted) {
    const samples = await sampler.take()
    screen.show(() => frame(samples, `${titleOf(pool, samples)}   q quits`, screen.size, process.stdout))
    await sleep(delay, undefined, { signal: quit.signal }).catch(() => {})
  }
}

function titleOf({ path }: TaskPool, samples: readonly TaskSample[]): string {
  const running = samples.filter(({ state }) => !hasEnded({ state })).length
  return `bgtask top   ${new Date().toLocaleTimeString('en-GB')}   ${running} running   ${path}`
}

function withoutInfo({ info, ...sample }: TaskSample): object {
  return sample
}
