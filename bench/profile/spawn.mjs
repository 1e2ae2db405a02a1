import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryPool } from '../lib/environment.mjs'
import { median } from '../lib/pairs.mjs'

const preload = fileURLToPath(new URL('../lib/launch-marks.cjs', import.meta.url))

/** By the clock on the wall, which caller and supervisor share: each step ends where the next begins. */
export const spawnParts = {
  id: 'spawn',
  title: 'Where the time of a cold spawn goes',
  columns: ['step', 'ms', 'at'],
  run: async ({ rounds }) => {
    const { pool, directory, dispose } = temporaryPool({ supervisor: 'node' })
    const file = join(directory, 'marks')
    const [node, daemon] = pool.supervisorCmd.slice(-2)
    pool.supervisorCmd = [...pool.supervisorCmd.slice(0, -2), node, '--require', preload, daemon]
    pool.applySupervisorEnv({ BENCH_MARKS: file })
    const launches = []
    const bare = []
    try {
      for (let round = 0; round < rounds; round += 1) {
        const start = performance.now()
        execFileSync(process.execPath, ['-e', '0'])
        bare.push(performance.now() - start)
        launches.push(await launchOnce(pool, join(directory, 'lock')))
      }
      const noted = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse)
      const ends = launches.map((launch, index) => endsOf(launch, noted[index]))
      return [...stepRows(ends), ['(`node -e 0`)', median(bare).toFixed(1), '']]
    } finally {
      await dispose()
    }
  },
}

const now = () => performance.timeOrigin + performance.now()

async function launchOnce(pool, lockfile) {
  const begin = now()
  const task = await pool.spawn({ exec: ['sleep', '600'], lockfile })
  const spawned = now()
  await task.info()
  const asked = now()
  await task.terminateSupervisor({ steps: [{ killSignal: 'SIGKILL', waitMs: 5_000 }] })
  return { begin, spawned, asked }
}

/** When each step ended, in ms from the call of `spawn`. */
function endsOf({ begin, spawned, asked }, { origin, marks }) {
  const inSupervisor = Object.entries(marks).map(([step, at]) => [`supervisor ${step}`, origin + at - begin])
  return new Map([
    ['caller makes the spec and forks; a shell detaches, another makes the pipes', origin - begin],
    ...inSupervisor,
    ['caller reads the report and connects: `spawn` resolves', spawned - begin],
    ['first `info()`', asked - begin],
  ])
}

function stepRows(ends) {
  let before = 0
  return [...ends[0].keys()].map((step) => {
    const at = median(ends.map((end) => end.get(step)))
    const row = [step, (at - before).toFixed(1), at.toFixed(1)]
    before = at
    return row
  })
}
