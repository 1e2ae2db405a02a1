import type { Bench } from './bench.js'

/** `core`: the least a supervisor needs to be useful. `full`: everything in the documents. */
export type Profile = 'core' | 'full'

/** One thing that a supervisor must (or should) do, and how it is found out. */
export interface Check {
  /** A behaviour, in words. */
  readonly title: string
  /** Sentences of docs/launch.md (`L-1`), docs/wire.md (`W-1`) and docs/pool-directory.md (`D-1`) that it holds a supervisor to. */
  readonly ids: readonly string[]
  readonly profile: Profile
  /** A `should` that fails is reported, but the supervisor still conforms. */
  readonly level: 'must' | 'should'
  /** Rejects with what was found instead. @throws Skipped if this machine lacks what it needs. */
  run(bench: Bench): Promise<void>
}

/** A check of the core profile. */
export function core(title: string, ids: string, run: Check['run']): Check {
  return { title, ids: ids.split(' '), profile: 'core', level: 'must', run }
}

/** A check of the full profile. */
export function full(title: string, ids: string, run: Check['run']): Check {
  return { ...core(title, ids, run), profile: 'full' }
}

/** Turns a check into one of a recommendation. */
export function should(check: Check): Check {
  return { ...check, level: 'should' }
}

/** Thrown by a check that this machine cannot make. */
export class Skipped extends Error {}
