/** How often the condition is asked. Cheap next to what is asked of /proc, and far below what a reader of a test would notice. */
const POLL_MS = 10

/**
 * Asks `condition` until it gives something truthy, and resolves with that. For facts that nobody announces (a process
 * is gone, a file appears); what can be subscribed to or long-polled should be.
 *
 * @throws when `deadlineMs` (default 10 s) is over, with the last value or error the condition gave, as `cause` too.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 10_000, what = condition.toString() }: { deadlineMs?: number; what?: string } = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const outcome = await attempt(condition)
    if ('value' in outcome && outcome.value) return outcome.value as Truthy<T>
    if (performance.now() >= deadline) throw missed(what, deadlineMs, outcome)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>

type Outcome<T> = { value: T } | { error: unknown }

async function attempt<T>(condition: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}

function missed(what: string, deadlineMs: number, outcome: Outcome<unknown>): Error {
  const last = 'error' in outcome ? `threw ${outcome.error}` : `gave ${String(outcome.value)}`
  const cause = 'error' in outcome ? outcome.error : undefined
  return new Error(`Not within ${deadlineMs} ms: ${what}\nThe last attempt ${last}`, { cause })
}
