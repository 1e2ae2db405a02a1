import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs'
import { InvalidOptionError } from '@bgtask/protocol'

/** Characters of a stored token. Shorter ones than 16 could be guessed. */
const MAX_LENGTH = 128
const TOKEN = new RegExp(`^[\\w-]{16,${MAX_LENGTH}}$`)

/**
 * Reads the token from a file. If the file is missing, creates it with a random token, accessible to its user only.
 *
 * @throws InvalidOptionError if other users may know or set the token, or the file contains none.
 */
export function readOrCreateToken(path: string): string {
  const fresh = randomBytes(24).toString('base64url')
  try {
    writeFileSync(path, `${fresh}\n`, { flag: 'wx', mode: 0o600 })
    return fresh
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw refusal(path, `cannot be created (${codeOf(cause)})`, cause)
  }
  const fd = open(path)
  try {
    return read(fd, path)
  } finally {
    closeSync(fd)
  }
}

/** Does not follow links, which other users may have created, and does not wait for the writer of a pipe. */
function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw refusal(path, codeOf(cause) === 'ELOOP' ? NOT_REGULAR : `cannot be read (${codeOf(cause)})`, cause)
  }
}

/** Checks the descriptor, not the path: so the checked file is the one that is read. */
function read(fd: number, path: string): string {
  const status = fstatSync(fd)
  if (!status.isFile()) throw refusal(path, NOT_REGULAR)
  if (status.uid !== process.geteuid?.()) throw refusal(path, 'belongs to another user')
  if ((status.mode & 0o077) !== 0)
    throw refusal(path, 'is readable or writable by other users (remove it, and a new one is created)')
  // One byte more than the longest token with its line end, so that a longer one is detected.
  const bytes = Buffer.alloc(MAX_LENGTH + 2)
  const token = bytes.toString('latin1', 0, readSync(fd, bytes)).replace(/\n$/, '')
  if (TOKEN.test(token)) return token
  throw refusal(
    path,
    'contains no token: one line of 16 to 128 letters, digits, - and _ (remove it, and a new one is created)',
  )
}

const NOT_REGULAR = 'is not a regular file'

function refusal(path: string, why: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError('--token-file', path, why, { cause })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
