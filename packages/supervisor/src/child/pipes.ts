import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { canReadProcesses } from '@bgtask/os'
import { HERE_DOCUMENT_FDS, OPEN_HERE_DOCUMENTS } from './here-documents.js'

/** The child's three pipes. The supervisor must close `child.*` once the child has them, or it would never see an end. */
export interface StdioPipes {
  readonly kind: 'pipe'
  /** Ends for the child: a blocking read end, and two ends open for reading *and* writing, so that it survives the supervisor. */
  readonly child: readonly [stdin: number, stdout: number, stderr: number]
  /** Ends for the supervisor, each with an open file description of its own, so that O_NONBLOCK does not reach the child. */
  readonly supervisor: readonly [stdin: number, stdout: number, stderr: number]
}

/** As in Linux's headers; Node does not export it. */
const O_CLOEXEC = 0o2000000

/** Set by the shell in front of the daemon: the fds that it passed on, so the pipes are there already. */
const FDS_VARIABLE = 'BGTASK_FDS'

/**
 * Takes the pipes that the launching shell made, and closes every other inherited fd: neither the daemon nor its child may
 * keep a socket or pipe of the caller open.
 *
 * @returns undefined if the daemon was started without that shell, or the shell makes no pipes.
 */
export function takeInheritedPipes(): StdioPipes | undefined {
  const passed = process.env[FDS_VARIABLE]
  if (passed === undefined) {
    closeLeakingFds()
    return undefined
  }
  delete process.env[FDS_VARIABLE]
  for (const fd of passed.trim().split(/\s+/).map(Number)) {
    if (fd > 9) closeQuietly(fd)
  }
  try {
    return openPipes('/proc/self/fd', HERE_DOCUMENT_FDS)
  } catch {
    return undefined
  }
}

/**
 * Closes inherited fds if no shell has listed them. Those that would leak into the child are known by a flag: Node's own
 * descriptors close on exec, and so do the low ones, which it marks at its start.
 */
function closeLeakingFds(): void {
  try {
    for (const fd of readdirSync('/proc/self/fdinfo').map(Number)) {
      if (fd > 2 && !closesOnExec(fd)) closeQuietly(fd)
    }
  } catch {
    // No /proc: they cannot be listed.
  }
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? ''
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0
  } catch {
    // It was the descriptor by which the directory was listed.
    return true
  }
}

/**
 * Makes fresh pipes with the help of a shell that lives only as long as it takes to open them.
 *
 * @returns undefined if that does not work (no `/proc` of this pid namespace, or a shell whose here-documents are files).
 */
export async function makePipes(): Promise<StdioPipes | undefined> {
  // Otherwise the files of another process would be opened.
  if (!canReadProcesses()) return undefined
  const script = `${OPEN_HERE_DOCUMENTS}\necho; read _`
  const helper = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
  const gone = once(helper, 'exit')
  gone.catch(() => {})
  // Out of descriptors or processes there is no helper and no pipe to it, only an error event.
  helper.stdin?.on('error', () => {})
  try {
    const ready = helper.stdout === null ? gone : once(helper.stdout, 'data')
    await Promise.race([ready, gone])
    return openPipes(`/proc/${helper.pid}/fd`, [])
  } catch {
    return undefined
  } finally {
    // Its read end would hide a broken stdin pipe, so it goes at once.
    helper.kill('SIGKILL')
    helper.stdin?.destroy()
    helper.stdout?.destroy()
  }
}

/** @param ours fds that are already open in this process and become the ends that are read from. */
function openPipes(directory: string, ours: readonly number[]): StdioPipes {
  const opened: number[] = []
  const open = (fd: number, flags: number) => {
    const end = openSync(`${directory}/${fd}`, flags)
    opened.push(end)
    if (!fstatSync(end).isFIFO()) throw new Error(`fd ${fd} is not a pipe`)
    return end
  }
  const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants
  const [stdin, stdout, stderr] = HERE_DOCUMENT_FDS
  try {
    // The write end first: opening a read end that blocks would wait for a writer.
    const ownStdin = open(stdin, O_WRONLY | O_NONBLOCK)
    const childStdin = ours[0] ?? open(stdin, O_RDONLY)
    const ownStdout = ours[1] ?? open(stdout, O_RDONLY | O_NONBLOCK)
    const ownStderr = ours[2] ?? open(stderr, O_RDONLY | O_NONBLOCK)
    for (const fd of [childStdin, ownStdout, ownStderr]) drainHereDocument(fd)
    const child = [childStdin, open(stdout, O_RDWR), open(stderr, O_RDWR)] as const
    return { kind: 'pipe', child, supervisor: [ownStdin, ownStdout, ownStderr] }
  } catch (error) {
    for (const fd of [...opened, ...ours]) closeQuietly(fd)
    throw error
  }
}

function drainHereDocument(fd: number): void {
  readSync(fd, Buffer.alloc(16))
}

export function closeQuietly(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // EBADF: it was closed on exec, or by its owner before.
  }
}

/** Closes unused ends of pipes. */
export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeQuietly(fd)
}
