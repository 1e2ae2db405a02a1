import { describe, expect, test } from 'vitest'
import { EventQueue, type PoolEvent } from '../../src/watch/event-queue.js'

type Step = PoolEvent<string>['type']

/** Runs the steps of one task through the queue while nobody reads, and gives what is read then. */
async function read(...steps: Step[]): Promise<string[]> {
  const queue = new EventQueue<string>()
  steps.forEach((type, step) => {
    queue.push({ type, task: 'task', info: { step } as never })
  })
  queue.fail('end')
  const seen: string[] = []
  for (;;) {
    try {
      const { type, info } = await queue.next(undefined)
      seen.push(`${type} ${(info as never as { step: number }).step}`)
    } catch (reason) {
      expect(reason).toBe('end')
      return seen
    }
  }
}

describe('events that wait are merged into where things stand', () => {
  const rows: [steps: Step[], read: string[]][] = [
    [['appear'], ['appear 0']],
    [['appear', 'change', 'change'], ['appear 2']],
    [['change', 'change'], ['change 1']],
    [['change', 'gone'], ['gone 1']],
    [['appear', 'gone'], []],
    [['appear', 'change', 'gone', 'appear'], ['appear 3']],
    [['gone', 'appear'], ['change 1']],
  ]
  test.each(rows)('%j gives %j', async (steps, expected) => {
    expect(await read(...steps)).toEqual(expected)
  })
})

test('events of different tasks come in order', async () => {
  const queue = new EventQueue<string>()
  for (const task of ['a', 'b', 'c']) queue.push({ type: 'appear', task, info: {} as never })
  const read = [await queue.next(undefined), await queue.next(undefined), await queue.next(undefined)]
  expect(read.map(({ task }) => task)).toEqual(['a', 'b', 'c'])
})

test('a reader that waits gets the event when it comes', async () => {
  const queue = new EventQueue<string>()
  const next = queue.next(undefined)
  queue.push({ type: 'appear', task: 'a', info: {} as never })
  expect(await next).toMatchObject({ task: 'a' })
})

test('a reader that waits is rejected by its signal, with the reason', async () => {
  const controller = new AbortController()
  const next = new EventQueue<string>().next(controller.signal)
  controller.abort('enough')
  await expect(next).rejects.toBe('enough')
})
