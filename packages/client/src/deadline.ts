/** What a call may take where the caller says nothing: a stopped supervisor accepts connections and stays silent. */
export const DEFAULT_TIMEOUT_MS = 10_000

/** Waits for something that others wait for too: an abort ends this wait, not what is waited for. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
