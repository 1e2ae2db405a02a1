import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'

// More than a check allows itself.
describe.concurrent('the daemon of @bgtask/supervisor', { timeout: 70_000 }, () => {
  test.each(conformanceChecks())('$title', async ({ run }) => {
    expect(await run()).toEqual({})
  })
})
