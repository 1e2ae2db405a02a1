import type { TaskInput } from '@bgtask/client'
import { describeError } from '../errors.js'
import { printMessage } from '../output/print.js'

export interface InputOptions {
  readonly raw?: boolean
  readonly endsInput?: boolean
  /** Called on Ctrl-C in raw mode, where it arrives as a byte and not as a signal. */
  readonly onInterrupt: () => void
}

const CTRL_C = 0x03

/** Forwards our stdin to a task's. `end` restores the terminal. */
export function forwardInput(stdin: TaskInput, { raw = false, endsInput, onInterrupt }: InputOptions): { end(): void } {
  const source = process.stdin
  const isRaw = raw && source.isTTY
  if (isRaw) source.setRawMode(true)
  let failed = false
  const reportFailure = (work: Promise<unknown>) =>
    work.catch((error) => {
      if (!failed) printMessage(`stdin: ${describeError(error).message}`)
      failed = true
    })
  source.on('data', (data: Buffer) => {
    const interrupt = isRaw ? data.indexOf(CTRL_C) : -1
    const sent = interrupt === -1 ? data : data.subarray(0, interrupt)
    // Do not buffer without bound when the task does not read.
    source.pause()
    void reportFailure(sent.length === 0 ? Promise.resolve() : stdin.write(sent)).then(() => source.resume())
    if (interrupt !== -1) onInterrupt()
  })
  source.on('end', () => {
    // On a terminal this is Ctrl-D. The end of a pipe or /dev/null does not close the task's stdin unless asked for.
    if (source.isTTY || endsInput) void reportFailure(stdin.close())
  })
  source.on('error', () => {})
  return {
    end() {
      if (isRaw) source.setRawMode(false)
      source.removeAllListeners()
      source.destroy()
    },
  }
}
