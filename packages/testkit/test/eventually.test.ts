import { expect, test } from 'vitest'
import { eventually } from '../src/index.js'

test('asks until the condition holds, and gives what it gave', async () => {
  let asked = 0
  const value = await eventually(() => (++asked < 3 ? undefined : `asked ${asked} times`))
  expect(value).toBe('asked 3 times')
})

test('a throw is one more "not yet"', async () => {
  let asked = 0
  const condition = () => {
    if (++asked < 3) throw new Error('too early')
    return true
  }
  await expect(eventually(condition)).resolves.toBe(true)
})

test.for([
  { last: 'threw Error: no such file', condition: () => Promise.reject(new Error('no such file')) },
  { last: 'gave 0', condition: async () => 0 },
])('fails after the deadline and says that the last attempt $last', async ({ last, condition }) => {
  await expect(eventually(condition, { deadlineMs: 20, what: 'the sky falls' })).rejects.toThrow(
    `Not within 20 ms: the sky falls\nThe last attempt ${last}`,
  )
})
