import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../lib/benchmark.mjs'
import { bgtask, node } from '../lib/commands.mjs'
import { comparePairs } from '../lib/pairs.mjs'

export const listEmptyPool = {
  id: 'ls-empty',
  title: '`bgtask ls` on an empty pool, against `node -e 0`',
  unit: '×',
  atMost: 1.6,
  supervisors: ['native'],
  run: async ({ pairs, onPair }) => {
    const directory = temporaryDirectory()
    const path = join(directory, 'p')
    mkdirSync(path, { mode: 0o700 })
    // The same environment for both.
    const env = { ...process.env, BGTASK_TASKPOOL_PATH: path }
    try {
      const { ours, theirs, ratio, ratios } = await comparePairs(
        pairs,
        bgtask(['ls'], env),
        node(['-e', '0'], env),
        onPair,
      )
      return { value: ratio, spread: ratios, detail: `${ours.toFixed(1)} ms, node -e 0: ${theirs.toFixed(1)} ms` }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
