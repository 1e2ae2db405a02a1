// A custom supervisor: ours, which also reports the git commit it was started from. `task.info()` shows it, and tasks can
// be searched by it. Importing this file starts nothing: it is both the supervisor and what a program needs to use it.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import { runSupervisor, supervisorCommand } from '@bgtask/supervisor'

const file = fileURLToPath(import.meta.url)

/** A pool whose tasks report `gitCommit`: that of the directory in which they were spawned, null outside of a repository. */
export function gitPool(options: Omit<TaskPoolOptions, 'supervisorCmd'>): TaskPool {
  return new TaskPool({ ...options, supervisorCmd: supervisorCommand([process.execPath, file]) })
}

function gitCommit(): string | null {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

if (process.argv[1] === file) {
  // Once, and now: the working directory is the caller's only until the supervisor goes to `/`.
  const facts = { gitCommit: gitCommit() }
  await runSupervisor({ software: 'git-supervisor/1.0', info: () => facts })
}
