import { UnsupportedError } from '@bgtask/protocol'

/** Optional parts of the contract that this supervisor has, reported by `hello` and info. */
export const FEATURES: readonly string[] = ['linger', 'spool']

/** @throws UnsupportedError that names what a spec needs and this supervisor lacks. */
export function checkNeeds(needs: readonly string[]): void {
  const features = needs.filter((name) => !FEATURES.includes(name))
  if (features.length > 0) throw new UnsupportedError('', { features })
}
