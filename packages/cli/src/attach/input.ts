import type { TaskInput } from '@bgtask/client'
import { describeError } from '../errors.js'
import { tell } from '../output/print.js'

export interface InputOptions {
  readonly raw?: boolean
  readonly endsInput?: boolean
  /** Ctrl-C in raw mode, where it is a byte like any other. */
  readonly onInterrupt: () => void
}

const CTRL_C = 0x03

/** Sends what comes on our stdin to a task's. `end` gives the terminal back as it was. */
export function forwardInput(stdin: TaskInput, { raw = false, endsInput, onInterrupt }: InputOptions): { end(): void } {
  const source = process.stdin
  const isRaw = raw && source.isTTY
  if (isRaw) source.setRawMode(true)
  let failed = false
  const orTell = (work: Promise<unknown>) =>
    work.catch((error) => {
      if (!failed) tell(`stdin: ${describeError(error).message}`)
      failed = true
    })
  source.on('data', (data: Buffer) => {
    const interrupt = isRaw ? data.indexOf(CTRL_C) : -1
    const sent = interrupt === -1 ? data : data.subarray(0, interrupt)
    // A task that does not read must not make us read on without end.
    source.pause()
    void orTell(sent.length === 0 ? Promise.resolve() : stdin.write(sent)).then(() => source.resume())
    if (interrupt !== -1) onInterrupt()
  })
  source.on('end', () => {
    // At a terminal that is Ctrl-D. A pipe that ends, or /dev/null, need not mean the task's input.
    if (source.isTTY || endsInput) void orTell(stdin.close())
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
