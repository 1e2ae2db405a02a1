import type { ClientBench } from './bench.js'

/** One thing that a launcher or a reader must do, and how it is found out. */
export interface ClientCheck {
  readonly title: string
  readonly ids: readonly string[]
  readonly profile: 'client'
  readonly level: 'must'
  run(bench: ClientBench): Promise<void>
}

export function client(title: string, ids: string, run: ClientCheck['run']): ClientCheck {
  return { title, ids: ids.split(' '), profile: 'client', level: 'must', run }
}
