import type { SpawnOptions } from '@bgtask/pool'
import type { Behavior, Overflow } from '@bgtask/protocol'
import type { PoolOption } from '../open-pool.js'

/** Options of `bgtask run`, as commander gives them. */
export interface RunOptions extends PoolOption {
  readonly json?: boolean
  readonly name?: string
  readonly meta?: readonly string[]
  readonly env?: readonly string[]
  readonly cwd?: string
  readonly lock?: string
  readonly behavior?: Behavior
  readonly restart?: SpawnOptions['restart']
  readonly timeout?: number
  readonly maxBuffer?: number
  readonly overflow?: Overflow
  readonly keep?: boolean
  readonly stdin: boolean
  readonly wait?: boolean
  readonly attach?: boolean
  readonly ready?: RegExp
  readonly readyTimeout?: number
  readonly rm?: boolean
}
