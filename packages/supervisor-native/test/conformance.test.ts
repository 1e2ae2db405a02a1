import { conformanceChecks } from '@bgtask/conformance'
import { describe, test } from 'vitest'
import { binary, hasBinary } from './support/native.js'

// More than a check allows itself.
describe.runIf(hasBinary())('the native supervisor', { concurrent: true, timeout: 70_000 }, () => {
  test.for(conformanceChecks({ supervisorCmd: [binary] }))('$title', async ({ run }, { skip }) => {
    const { skipped } = await run()
    if (skipped !== undefined) skip(skipped)
  })
})
