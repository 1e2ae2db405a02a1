import type { SpawnOptions } from '@bgtask/pool'
import { InvalidArgumentError } from 'commander'

const WHEN = { 'on-failure': 'failure', always: 'always', no: 'never' } as const

/** Parses `on-failure`, `on-failure:5`, `always`, `always:5` or `no`, docker's syntax; the number limits restarts in a row. */
export function parseRestart(text: string): NonNullable<SpawnOptions['restart']> {
  const [, when = '', max] = /^(on-failure|always|no)(?::(\d+))?$/.exec(text) ?? []
  if (!Object.hasOwn(WHEN, when)) throw new InvalidArgumentError('It must be on-failure[:N], always[:N] or no.')
  const on = WHEN[when as keyof typeof WHEN]
  return max === undefined ? { on } : { on, maxRestarts: Number(max) }
}
