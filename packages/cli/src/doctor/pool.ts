import { accessSync, constants, statSync } from 'node:fs'
import { liveness } from '@bgtask/os'
import type { LostTask, TaskPool } from '@bgtask/pool'
import type { BgTaskError } from '@bgtask/protocol'
import { exceptLost, nameOf } from '../targets.js'
import { type Finding, ok, problem, warning } from './check.js'

/** What is in a pool, and what is wrong with it. */
export async function checkPool(pool: TaskPool): Promise<Finding[]> {
  const unbelieved = new Map<number, Finding>()
  const lost = await pool.lost({
    onError: (error, { pid }) => {
      unbelieved.set(pid, warning('record', error.message, 'nothing believes or removes it: remove it yourself'))
    },
  })
  const supervisors = await checkSupervisors(pool, lost, (pid) => unbelieved.delete(pid))
  return [checkDirectory(pool), ...supervisors, ...unbelieved.values(), ...lost.map(describeLost)]
}

function checkDirectory({ path }: TaskPool): Finding {
  const { mode, uid } = statSync(path)
  const shown = `${path}, mode ${(mode & 0o7777).toString(8)}, uid ${uid}`
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return warning('pool', `${shown}: you may not write there`, 'tasks can be found, but not started there: --pool')
  }
  if ((mode & 0o077) === 0 || uid === process.geteuid?.()) return ok('pool', shown)
  return warning('pool', `${shown}: others share it`, 'tasks of others are not trusted unless access.owners names them')
}

/** Asks every supervisor, since records would tell of those too that no longer answer. `onProblem` gets the pid of one. */
async function checkSupervisors(
  pool: TaskPool,
  lost: readonly LostTask[],
  onProblem: (pid: number) => void,
): Promise<Finding[]> {
  const wrong: Promise<Finding>[] = []
  const found = await pool.search(() => true, {
    onError: exceptLost(lost, (error, { pid }) => {
      onProblem(pid)
      wrong.push(describeWrong(pool, error, pid))
    }),
  })
  return [ok('supervisors', `${found.length} answer`), ...(await Promise.all(wrong))]
}

async function describeWrong(pool: TaskPool, error: BgTaskError, pid: number): Promise<Finding> {
  return problem('supervisor', `${pid}: ${error.message}`, adviceFor(error, pid, await isSupervisor(pool, pid)))
}

/** Anybody can listen under any pid, and a supervisor in another pid namespace has another one here. */
async function isSupervisor(pool: TaskPool, pid: number): Promise<boolean> {
  const record = await pool.record(pid).catch(() => undefined)
  return record !== undefined && liveness(record.supervisor) === 'alive'
}

function adviceFor({ code }: BgTaskError, pid: number, isProven: boolean): string {
  switch (code) {
    case 'ERR_BGTASK_TASK_GONE':
      return 'it is gone: bgtask prune removes what it left, when that is a minute old'
    case 'ERR_BGTASK_TIMEOUT':
      if (!isProven) return `do not signal process ${pid}: no record proves that it is the supervisor (a container's?)`
      return `it hangs or was stopped: kill -CONT ${pid}; at worst kill -9 ${pid}, then bgtask stop ${pid} for its child`
    case 'ERR_BGTASK_PERMISSION':
      return 'it belongs to somebody else, or its modes are too strict for you'
    default:
      return 'it may be no supervisor, or one of another version; see its .out file in the pool'
  }
}

function describeLost({ pid, state, info, reason }: LostTask): Finding {
  const who = `${pid}${nameOf(info) && ` (${nameOf(info)})`}`
  const what = reason === 'died' ? 'died' : 'does not listen any more, and cannot be seen from here (a container?)'
  if (state === 'lost') return warning('lost', `${who}: its supervisor ${what}`, `bgtask rm ${pid}`)
  const message = `${who}: its supervisor ${what}, and processes of the task run on`
  return problem('orphaned', message, `bgtask stop ${pid} ends them, then bgtask rm ${pid} forgets it`)
}
