import { join } from 'node:path'
import {
  COOKIE_VARIABLE,
  POOL_PATH_VARIABLE,
  SUPERVISOR_PID_VARIABLE,
  socketFileName,
  temporarySocketFileName,
} from '@bgtask/os'
import type { TaskPoolView } from './task-pool-view.js'

/** The task that a process runs in, by the environment that its supervisor gave it; undefined outside of one. */
export function currentTask(
  env: NodeJS.ProcessEnv,
): { pool: TaskPoolView; pid: number; taskId: string | undefined } | undefined {
  const poolPath = env[POOL_PATH_VARIABLE]
  const pid = Number(env[SUPERVISOR_PID_VARIABLE])
  if (!poolPath || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  const pool: TaskPoolView = {
    socketPath: (pid) => join(poolPath, socketFileName(pid)),
    launchSocketPath: (pid) => join(poolPath, temporarySocketFileName(pid)),
  }
  return { pool, pid, taskId: env[COOKIE_VARIABLE] }
}
