import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { allPids } from '@bgtask/os'
import { eventually } from './eventually.js'
import { isAlive, processArgv, processCwd, processEnv, processFds } from './proc.js'
import { FILE_VARIABLE, missingFile, RUN_VARIABLE, sharedDirectory } from './run.js'

/** Title of a report of leaks. */
export const LEFT_BEHIND = 'LEFT BEHIND by the tests, now killed and removed'

/** Time (ms) for ending processes to be gone: an exit is announced before the process has ended. */
const GRACE_MS = 3_000

/**
 * Looks, when tests are over, for what they left: processes that carry the run's mark, work in its directories, hold files
 * there or listen on a socket there, and directories, all of which get some time to go. All of it is then ended and removed,
 * so that a run that failed leaves nothing either. The run itself stays, for tests that are run again.
 *
 * @returns one line for each leak, naming pid, command line and cwd.
 */
export async function endRun(root: string, graceMs = GRACE_MS): Promise<string[]> {
  const clean = () => leakedProcesses(root).length === 0 && leakedDirectories(root).length === 0
  const isClean = await eventually(clean, { deadlineMs: graceMs }).catch(() => false)
  const processes = isClean ? [] : leakedProcesses(root)
  const directories = leakedDirectories(root)
  const leaks = [...processes.map(describe), ...directories.map((path) => `directory ${path}`)]
  for (const pid of processes) kill(pid)
  for (const path of [...directories, missingFile(root)]) rmSync(path, { recursive: true, force: true })
  return leaks
}

/** Processes of the run that `root` belongs to, without the test runner's own. */
function leakedProcesses(root: string): number[] {
  const sockets = listeningInodes(root)
  const isOurs = (pid: number) =>
    processEnv(pid)[RUN_VARIABLE] === root ||
    isBelow(root, processCwd(pid)) ||
    [...processFds(pid).values()].some((target) => sockets.has(target) || isBelow(root, target))
  return allPids().filter((pid) => pid !== process.pid && isOurs(pid) && isAlive(pid) && !isTestWorker(pid))
}

function leakedDirectories(root: string): string[] {
  const ours = [missingFile(root), sharedDirectory(root)]
  const paths = readdirSync(root).map((name) => join(root, name))
  return paths.filter((path) => !ours.includes(path))
}

/** A socket outlives the unlinking of its path, which the kernel still lists. */
function listeningInodes(root: string): Set<string> {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n').slice(1)
  const rows = lines.map((line) => line.trim().split(/\s+/))
  return new Set(rows.filter((row) => isBelow(root, row[7])).map((row) => `socket:[${row[6]}]`))
}

function isBelow(root: string, path: string | undefined): boolean {
  return path?.startsWith(`${root}/`) ?? false
}

function isTestWorker(pid: number): boolean {
  return processArgv(pid).some((argument) => argument.includes('/vitest/dist/workers/'))
}

function describe(pid: number): string {
  const file = processEnv(pid)[FILE_VARIABLE]
  const from = file === undefined ? '' : `, started by ${relative(process.cwd(), file)}`
  return `pid ${pid}: ${processArgv(pid).join(' ')} (cwd ${processCwd(pid) ?? 'unknown'}${from})`
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself meanwhile.
  }
}
