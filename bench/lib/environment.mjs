import { existsSync, readFileSync, rmSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { temporaryDirectory } from './benchmark.mjs'

// Node starts slower with it, and what is compared must not depend on it.
delete process.env.NODE_EXTRA_CA_CERTS

/** A pool in a fresh directory; `dispose` ends every task in it and removes it. Which supervisor is measured is said in `options`. */
export function temporaryPool(options = {}) {
  const directory = temporaryDirectory()
  const pool = new TaskPool({ path: join(directory, 'p'), mkdirIfMissing: true, ...options })
  const dispose = async () => {
    await pool.close()
    const tasks = existsSync(pool.path) ? await pool.search() : []
    await Promise.all(tasks.map((task) => task.terminateSupervisor({ steps: KILL }).catch(() => {})))
    rmSync(directory, { recursive: true, force: true })
  }
  return { pool, directory, dispose }
}

const KILL = [{ killSignal: 'SIGKILL', waitMs: 5_000 }]

/** What only this process holds in memory, in bytes (`smaps_rollup`, the sum of `Private_*`); with `Pss` its fair share. */
export function memoryOf(pid, kind = 'Private') {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  // `Pss` is the whole already; `Pss_Anon` and so on are parts of it.
  const lines = text.matchAll(kind === 'Pss' ? /^Pss:\s+(\d+) kB$/gm : /^Private_\w+:\s+(\d+) kB$/gm)
  return [...lines].reduce((sum, [, kibibytes]) => sum + Number(kibibytes) * 1024, 0)
}

export function describeMachine() {
  const model = cpus()[0]?.model ?? 'unknown CPU'
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`
}

/** Until V8 has given back what a start has used up, a supervisor's after 0.3 s. */
export const untilAtRest = () => new Promise((resolve) => setTimeout(resolve, 3_000))
