import * as v from 'valibot'

/** What was wrong first: where (`restart.delayMs`), in words, and what was got there. */
export interface Invalid {
  readonly path: string
  readonly problem: string
  readonly got: unknown
}

export type Validated<T> =
  | { readonly value: T; readonly invalid?: never }
  | { readonly value?: never; readonly invalid: Invalid }

/** Checks a value against a schema and fills in defaults; never throws. */
export function validate<const S extends v.GenericSchema>(schema: S, input: unknown): Validated<v.InferOutput<S>> {
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return { value: result.output }
  const issue = result.issues[0]
  const path = v.getDotPath(issue) ?? ''
  return { invalid: { path, problem: problemOf(issue), got: issue.input } }
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const unknownKey = issue.type === 'strict_object' && issue.expected === 'never'
  if (unknownKey) return 'is not a known option'
  return issue.message.startsWith('Invalid') && issue.expected !== null
    ? `must be ${issue.expected}, got ${issue.received}`
    : issue.message
}
