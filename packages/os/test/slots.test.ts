import { Slots } from '@bgtask/os'
import { describe, expect, test } from 'vitest'

const NEVER_MS = 60_000

/** Work that ends when the test says so. */
function work() {
  let end = () => {}
  let started = false
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return {
    run: () => {
      started = true
      return ended
    },
    end,
    get started() {
      return started
    },
  }
}

const turn = () => new Promise(setImmediate)

test('work starts in order, as many at a time as there are slots', async () => {
  const slots = new Slots(2, NEVER_MS)
  const works = [work(), work(), work(), work()]
  const runs = works.map(({ run }) => slots.run(run))
  await turn()
  expect(works.map(({ started }) => started)).toEqual([true, true, false, false])
  works[1]?.end()
  await runs[1]
  await turn()
  expect(works.map(({ started }) => started)).toEqual([true, true, true, false])
  for (const { end } of works) end()
  await Promise.all(runs)
})

test('each settles as its work does, and one that fails gives its slot to the next', async () => {
  const slots = new Slots(1, NEVER_MS)
  const failed = slots.run(() => Promise.reject(new Error('no')))
  const done = slots.run(async () => 'yes')
  await expect(failed).rejects.toThrow('no')
  expect(await done).toBe('yes')
})

test('work that takes longer than the patience no longer keeps the others waiting', async () => {
  const slots = new Slots(1, 200)
  const hung = work()
  const running = slots.run(hung.run)
  expect(await slots.run(async () => 'done')).toBe('done')
  hung.end()
  await running
  // Its slot was given away once, not twice.
  const [first, second] = [work(), work()]
  const patient = [slots.run(first.run), slots.run(second.run)]
  await turn()
  expect([first.started, second.started]).toEqual([true, false])
  first.end()
  second.end()
  await Promise.all(patient)
})

describe('a signal', () => {
  test('that aborts while the work waits for its turn rejects with its reason, and the work is never started', async () => {
    const slots = new Slots(1, NEVER_MS)
    const [first, second, third] = [work(), work(), work()]
    const controller = new AbortController()
    const running = slots.run(first.run)
    const given = slots.run(second.run, controller.signal)
    const waiting = slots.run(third.run)
    controller.abort('changed my mind')
    await expect(given).rejects.toBe('changed my mind')
    for (const { end } of [first, third]) end()
    await Promise.all([running, waiting])
    expect(second.started).toBe(false)
  })

  test('that has aborted rejects at once; one that aborts later has no effect', async () => {
    const slots = new Slots(1, NEVER_MS)
    await expect(slots.run(work().run, AbortSignal.abort('no'))).rejects.toBe('no')
    const controller = new AbortController()
    const running = work()
    const run = slots.run(running.run, controller.signal)
    controller.abort('too late')
    running.end()
    await run
  })
})
