import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { HeldDirectory, SPEC_FILE_NAME, taskDirectoryName } from '@bgtask/os'
import {
  describeInvalid,
  isPlainObject,
  type LaunchSpec,
  launchSpecSchema,
  MAX_SPEC_BYTES,
  PermissionError,
  ProtocolError,
  validate,
} from '@bgtask/protocol'
import { decode, MessageScanner } from '@bgtask/protocol/rpc'
import type { PoolDirectory } from '../directory/inspect.js'
import { SPEC_LIMITS } from '../launch/spec.js'

/**
 * Reads the spec that a supervisor has kept. It says which program runs, so it must be this user's own.
 *
 * @returns undefined if none was kept.
 * @throws PermissionError if it is another user's, ProtocolError if it is not a spec of that task.
 */
export function readKeptSpec(directory: PoolDirectory, taskId: string): LaunchSpec | undefined {
  const path = `${directory.path}/${taskDirectoryName(taskId)}/${SPEC_FILE_NAME}`
  const bytes = readOwn(directory, taskId, path)
  if (bytes === undefined) return undefined
  const scanner = new MessageScanner(SPEC_LIMITS)
  scanner.push(bytes)
  const message = scanner.next()
  const spec = message && decode(message)
  const { value, invalid } = validate(launchSpecSchema, spec)
  if (invalid !== undefined || !isPlainObject(spec)) {
    throw new ProtocolError(`${path} is not a spec${invalid === undefined ? '' : `: ${describeInvalid(invalid)}`}`)
  }
  if (value.taskId !== taskId) throw new ProtocolError(`${path} is the spec of another task`)
  // Keys that this version does not know are the supervisor's.
  return { ...spec, ...value }
}

function readOwn(directory: PoolDirectory, taskId: string, path: string): Buffer | undefined {
  const own = process.geteuid?.()
  let held: HeldDirectory | undefined
  let fd: number | undefined
  try {
    held = new HeldDirectory(directory.at(taskDirectoryName(taskId)))
    fd = openSync(held.at(SPEC_FILE_NAME), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { uid, size } = fstatSync(fd)
    if (uid !== own) throw new PermissionError(path, `belongs to uid ${uid}, who alone can restart the task`)
    if (size > MAX_SPEC_BYTES) throw new ProtocolError(`${path} has more than ${MAX_SPEC_BYTES} bytes`)
    return readFileSync(fd)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'EACCES') throw new PermissionError(path, 'may not be read', { cause: error })
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
    held?.close()
  }
}
