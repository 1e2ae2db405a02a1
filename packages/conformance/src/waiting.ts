import { connect } from 'node:net'

/** No step of a check may take longer: a supervisor that hangs must fail its own check, saying at what. */
export const STEP_MS = 15_000

const POLL_INTERVAL_MS = 10

/** A promise with a deadline that says what did not happen. */
export async function within<T>(promise: Promise<T>, what: string, ms = STEP_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The same promise, but rejects with the signal's reason as soon as there is one. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort))
  })
}

/**
 * Polls until `look` returns a truthy value, and resolves with it; for facts that no event announces. `what` is what did not happen; as a
 * function it can report what was seen last.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string | (() => string),
  ms = STEP_MS,
): Promise<NonNullable<T>> {
  for (const deadline = performance.now() + ms; ; ) {
    const found = await look()
    if (found) return found
    if (performance.now() > deadline) {
      throw new Error(`not within ${ms} ms: ${typeof what === 'string' ? what : what()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
  }
}

/** `connected`, or the reason why not. */
export function outcomeOfConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      resolve('connected')
      socket.destroy()
    })
    socket.on('error', (error) => resolve(error.message))
  })
}
