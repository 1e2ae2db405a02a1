import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { comparePairs } from '../lib/pairs.mjs'

const BGTASK = fileURLToPath(new URL('../../packages/cli/dist/bgtask.cjs', import.meta.url))

/** A program of Node, from its start to its end; what it prints is read by us. */
const node = (args, env) => async () => {
  const start = performance.now()
  execFileSync(process.execPath, args, { env })
  return performance.now() - start
}

export const listEmptyPool = {
  id: 'ls-empty',
  title: '`bgtask ls` on an empty pool, against `node -e 0`',
  unit: '×',
  atMost: 1.6,
  run: async ({ pairs, onPair }) => {
    const directory = mkdtempSync(join(tmpdir(), 'bgb-'))
    const path = join(directory, 'p')
    mkdirSync(path, { mode: 0o700 })
    // The same environment for both.
    const env = { ...process.env, BGTASK_TASKPOOL_PATH: path }
    try {
      const { ours, theirs, ratio, ratios } = await comparePairs(
        pairs,
        node([BGTASK, 'ls'], env),
        node(['-e', '0'], env),
        onPair,
      )
      return { value: ratio, spread: ratios, detail: `${ours.toFixed(1)} ms, node -e 0: ${theirs.toFixed(1)} ms` }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
