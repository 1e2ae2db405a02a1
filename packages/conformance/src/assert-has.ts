import assert from 'node:assert/strict'

/** Compares the keys that the documents promise, and no others: a supervisor may give more. */
export function assertHas(actual: unknown, expected: Readonly<Record<string, unknown>>, what: string): void {
  const got = Object.fromEntries(Object.keys(expected).map((key) => [key, (actual as Record<string, unknown>)?.[key]]))
  assert.deepEqual(got, expected, what)
}
