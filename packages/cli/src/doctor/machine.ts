import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { describeError } from '../errors.js'
import { type Finding, ok, problem, warning } from './check.js'

/** Checks what every task needs of this machine. */
export async function checkMachine(): Promise<Finding[]> {
  return [checkPlatform(), checkNode(), await checkLaunch()]
}

function checkPlatform(): Finding {
  const { platform, arch } = process
  if (platform !== 'linux') {
    const advice = platform === 'darwin' ? 'macOS is untested: please report what does not work' : 'use Linux'
    return problem('platform', `${platform} ${arch}`, advice)
  }
  if (existsSync('/proc/self/stat')) return ok('platform', `linux ${arch}`)
  const advice = 'mount /proc: it is needed to detect lost tasks, process trees and reused pids'
  return warning('platform', `linux ${arch} without /proc`, advice)
}

function checkNode(): Finding {
  const { node } = process.versions
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const hasRequireOfModules = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
  return hasRequireOfModules ? ok('node', node) : problem('node', node, 'use Node 20.19, 22.12 or later')
}

/** Starts and ends a task in a temporary pool. */
async function checkLaunch(): Promise<Finding> {
  const started = performance.now()
  let directory: string | undefined
  try {
    directory = mkdtempSync(join(tmpdir(), 'bgtask-doctor-'))
    const pool = new TaskPool({ path: directory })
    const task = await pool.spawn({ cmd: 'echo fine', cwd: directory })
    await task.wait({ timeoutMs: 5_000 })
    const { stdio } = await task.info()
    await task.terminateSupervisor()
    const message = `a task was started and ended in ${Math.round(performance.now() - started)} ms`
    if (stdio === 'pipe') return ok('launch', message)
    return warning(
      'launch',
      `${message}, with sockets instead of pipes`,
      'tasks cannot open /dev/stdin and /dev/stdout',
    )
  } catch (error) {
    const advice = `check that @bgtask/supervisor is installed and ${tmpdir()} is writable; for details: BGTASK_DEBUG=1 bgtask run -- true`
    return problem('launch', describeError(error).message, advice)
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
}
