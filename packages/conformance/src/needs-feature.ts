import type { Bench } from './bench.js'
import { Skipped } from './check.js'
import { SLEEP } from './spec.js'

/** Ends the check if `hello` does not list the feature; leaves nothing of the task that it asks. */
export async function needsFeature(bench: Bench, feature: string): Promise<void> {
  const client = await bench.task({ exec: SLEEP })
  const { features } = await client.call('hello')
  await client.call('terminate')
  await client.closedBySupervisor()
  if (!features?.includes(feature)) throw new Skipped(`the supervisor does not have the feature ${feature}`)
}
