import { describe, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { tellLeftOut } from './support/left-out.js'

// More than a check allows itself.
describe.concurrent('the daemon of @bgtask/supervisor', { timeout: 70_000 }, () => {
  test.for(conformanceChecks())('$title', async ({ run }, { skip }) => {
    const { skipped } = await run()
    if (skipped === undefined) return
    tellLeftOut(skipped)
    skip(skipped)
  })
})
