import * as v from 'valibot'
import { describeValue } from '../errors.js'

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

/** All of it in a few words, for messages that name what was checked themselves. */
export function describeInvalid({ path, problem, got }: Invalid): string {
  return `${path && `${path} `}${problem}, got ${describeValue(got)}`
}

/** valibot's own messages name the type and the value, which `describeInvalid` adds. */
function problemOf({ message, expected, path }: v.BaseIssue<unknown>): string {
  if (!message.startsWith('Invalid') || expected === null) return message
  if (expected === `"${String(path?.at(-1)?.key)}"`) return 'is missing'
  if (expected === 'never') return 'is not a known option'
  return `must be ${WORDS[expected] ?? expected}`
}

const WORDS: Readonly<Record<string, string>> = {
  Object: 'an object',
  Array: 'an array',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
}
