import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs'
import { InvalidOptionError } from '@bgtask/protocol'

/** Characters of a kept token: fewer could be guessed, and no page needs more. */
const MAX_LENGTH = 128
const TOKEN = new RegExp(`^[\\w-]{16,${MAX_LENGTH}}$`)

/**
 * The token that a file keeps; a fresh random one where there is no such file, which is made then, for its user alone.
 *
 * @throws InvalidOptionError where others may know or set the token, or the file holds none.
 */
export function keptToken(path: string): string {
  const fresh = randomBytes(24).toString('base64url')
  try {
    writeFileSync(path, `${fresh}\n`, { flag: 'wx', mode: 0o600 })
    return fresh
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw refusal(path, `cannot be made (${codeOf(cause)})`, cause)
  }
  const fd = open(path)
  try {
    return read(fd, path)
  } finally {
    closeSync(fd)
  }
}

/** Neither through a link, which others may have made, nor waiting for somebody who writes into a pipe. */
function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw refusal(path, codeOf(cause) === 'ELOOP' ? NO_FILE : `cannot be read (${codeOf(cause)})`, cause)
  }
}

/** What is looked at is what is read, whatever becomes of the path. */
function read(fd: number, path: string): string {
  const status = fstatSync(fd)
  if (!status.isFile()) throw refusal(path, NO_FILE)
  if (status.uid !== process.geteuid?.()) throw refusal(path, 'belongs to somebody else')
  if ((status.mode & 0o077) !== 0)
    throw refusal(path, 'may be read or written by others (remove it, and a new one is made)')
  // One more than the longest with its line end, so that a longer one is seen to be too long.
  const bytes = Buffer.alloc(MAX_LENGTH + 2)
  const token = bytes.toString('latin1', 0, readSync(fd, bytes)).replace(/\n$/, '')
  if (TOKEN.test(token)) return token
  throw refusal(
    path,
    'holds no token: one line of 16 to 128 letters, digits, - and _ (remove it, and a new one is made)',
  )
}

const NO_FILE = 'is no regular file'

function refusal(path: string, why: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError('--token-file', path, why, { cause })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
