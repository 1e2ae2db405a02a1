import { expect, test } from 'vitest'
import { survivorsText } from '../src/text/survivors.js'

const survivors = Array.from({ length: 12 }, (_, index) => ({ pid: index + 1, startTime: 1, command: 'cat' }))

test.each([
  ['all of a few', { survivors: survivors.slice(0, 2) }, '1 (cat), 2 (cat)'],
  [
    'a few, with the number of those not in the result',
    { survivors: survivors.slice(0, 1), moreSurvivors: 5 },
    '1 (cat) and 5 more',
  ],
  [
    'ten of many',
    { survivors, moreSurvivors: 5 },
    `${survivors
      .slice(0, 10)
      .map(({ pid }) => `${pid} (cat)`)
      .join(', ')} and 7 more`,
  ],
  ['none', { survivors: [] }, ''],
])('survivors are shown: %s', (_, some, expected) => {
  expect(survivorsText(some)).toBe(expected)
})
