import { linkSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { HeldDirectory } from '@bgtask/os'
import { isBgTaskError, RemoteError } from '@bgtask/protocol'
import { connectSocket } from '@bgtask/protocol/rpc'
import { removeIfSame } from './files.js'

/** Time (ms) to wait for room in the backlog of a live listener; otherwise a connect succeeds at once. */
const CONNECT_MS = 1_000

/**
 * Gives a file a further name. Replaces only a dead socket of this user: in another pid namespace a supervisor with this
 * pid may live.
 *
 * @throws RemoteError with the code NAME_TAKEN.
 */
export async function linkUnlessTaken(from: string, directory: HeldDirectory, name: string): Promise<void> {
  if (tryLink(from, directory.at(name))) return
  await removeDeadSocket(directory, name)
  if (!tryLink(from, directory.at(name))) throw nameTaken(directory, name, 'another process took it first')
}

/** Removes a dead socket of this user, if there is one. @throws as `linkUnlessTaken` if it is anything else. */
export async function removeDeadSocket(directory: HeldDirectory, name: string): Promise<void> {
  const path = directory.at(name)
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (stats.uid !== process.geteuid?.()) throw nameTaken(directory, name, `it belongs to uid ${stats.uid}`)
  if (!stats.isSocket()) throw nameTaken(directory, name, 'it is not a socket')
  if (!(await isRefused(path))) throw nameTaken(directory, name, 'a supervisor with this pid is there')
  removeIfSame(path, stats.ino)
}

/** No child has been started yet: a launcher may try another supervisor, with another pid. */
export function nameTaken(directory: HeldDirectory, name: string, why: string): RemoteError {
  const path = join(directory.path, name)
  return new RemoteError('NAME_TAKEN', `the name ${path} is taken: ${why}`, { path })
}

/** By `link`, since `rename` would replace an existing file. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isRefused(path: string): Promise<boolean> {
  return connectSocket(path, { timeoutMs: CONNECT_MS }).then(
    (socket) => {
      socket.destroy()
      return false
    },
    (error) => isBgTaskError(error, 'ERR_BGTASK_TASK_GONE'),
  )
}
