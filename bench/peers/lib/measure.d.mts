import type { Result } from '../report/results.mjs'

export class Cannot extends Error {}

export function interleave(
  peers: { id: string }[],
  rounds: number,
  sample: (peer: { id: string }, round: number) => Promise<number>,
): Promise<Map<string, Result>>

export function within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T>
