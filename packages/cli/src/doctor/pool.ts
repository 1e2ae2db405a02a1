import { accessSync, constants, statSync } from 'node:fs'
import { liveness } from '@bgtask/os'
import type { LostTask, TaskPool } from '@bgtask/pool'
import type { BgTaskError } from '@bgtask/protocol'
import { exceptLost, nameOf } from '../targets.js'
import { type Finding, ok, problem, warning } from './check.js'

/** Checks a pool's directory, supervisors and records. */
export async function checkPool(pool: TaskPool): Promise<Finding[]> {
  const invalid = new Map<number, Finding>()
  const lost = await pool.lost({
    onError: (error, { pid }) => {
      invalid.set(
        pid,
        warning('record', error.message, 'this record is ignored and never removed automatically: remove it yourself'),
      )
    },
  })
  const { found, wrong } = await askSupervisors(pool, lost)
  for (const pid of wrong.keys()) invalid.delete(pid)
  return [
    checkDirectory(pool),
    ok('supervisors', `${found.length} responding`),
    ...wrong.values(),
    ...invalid.values(),
    ...lost.map((task) => describeLost(task, safestId(task, [...found, ...lost]))),
  ]
}

function checkDirectory({ path }: TaskPool): Finding {
  const { mode, uid } = statSync(path)
  const shown = `${path}, mode ${(mode & 0o7777).toString(8)}, uid ${uid}`
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return warning('pool', `${shown}: you cannot write to it`, 'you can find tasks there but not start any; use --pool')
  }
  if ((mode & 0o077) === 0 || uid === process.geteuid?.()) return ok('pool', shown)
  return warning(
    'pool',
    `${shown}: shared with other users`,
    'tasks of other users are not trusted unless access.owners lists them',
  )
}

/** Asks every supervisor, since a record also exists for one that no longer answers. Returns the tasks, and by pid what is wrong. */
async function askSupervisors(pool: TaskPool, lost: readonly LostTask[]) {
  const errors = new Map<number, BgTaskError>()
  const found = await pool.search(() => true, {
    onError: exceptLost(lost, (error, { pid }) => void errors.set(pid, error)),
  })
  const wrong = new Map<number, Finding>()
  for (const [pid, error] of errors) wrong.set(pid, await describeWrong(pool, error, pid))
  return { found, wrong }
}

async function describeWrong(pool: TaskPool, error: BgTaskError, pid: number): Promise<Finding> {
  return problem('supervisor', `${pid}: ${error.message}`, adviceFor(error, pid, await isSupervisor(pool, pid)))
}

/** Any user can listen under any pid, and a supervisor in another pid namespace has a different one here. */
async function isSupervisor(pool: TaskPool, pid: number): Promise<boolean> {
  const record = await pool.record(pid).catch(() => undefined)
  return record !== undefined && liveness(record.supervisor) === 'alive'
}

function adviceFor({ code }: BgTaskError, pid: number, isProven: boolean): string {
  switch (code) {
    case 'ERR_BGTASK_TASK_GONE':
      return 'the supervisor is gone; bgtask prune removes its files once they are a minute old'
    case 'ERR_BGTASK_TIMEOUT':
      if (!isProven) return `do not signal process ${pid}: no record proves that it is the supervisor (a container's?)`
      return `the supervisor hangs or is stopped: kill -CONT ${pid}; as a last resort kill -9 ${pid}, then bgtask stop ${pid} to end its child`
    case 'ERR_BGTASK_PERMISSION':
      return 'the supervisor belongs to another user, or its file modes deny you access'
    default:
      return 'this may not be a supervisor, or one of another version; see its .out file in the pool'
  }
}

/** Returns the pid, or the task id if another task has that pid too. */
function safestId({ pid, taskId }: LostTask, tasks: readonly { readonly pid: number }[]): string {
  return tasks.filter((task) => task.pid === pid).length > 1 ? taskId : String(pid)
}

/** @param id by which a command finds the task. */
function describeLost({ pid, state, info, reason }: LostTask, id: string): Finding {
  const who = `${pid}${nameOf(info) && ` (${nameOf(info)})`}`
  const what = reason === 'died' ? 'died' : 'no longer listens and is not visible from here (in a container?)'
  if (state === 'lost') return warning('lost', `${who}: its supervisor ${what}`, `bgtask rm ${id}`)
  const message = `${who}: its supervisor ${what}, but processes of the task are still running`
  return problem('orphaned', message, `end them with bgtask stop ${id}, then remove the task with bgtask rm ${id}`)
}
