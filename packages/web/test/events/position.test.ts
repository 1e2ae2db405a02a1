import { expect, test } from 'vitest'
import { formatPosition, type Position, parsePosition } from '../../src/events/position.js'

test.each<{ position: Position; text: string }>([
  { position: { view: 'stdout', offset: 0 }, text: 'stdout:0' },
  { position: { view: 'stderr', offset: 12 }, text: 'stderr:12' },
  { position: { view: 'merged', merged: { seq: 3, stdout: 5, stderr: undefined } }, text: 'merged:3:5:' },
  { position: { view: 'merged', merged: { seq: 3, stdout: undefined, stderr: 7 } }, text: 'merged:3::7' },
])('$text is formatted and parsed alike', ({ position, text }) => {
  expect(formatPosition(position)).toBe(text)
  expect(parsePosition(position.view, text)).toEqual(position)
})

test.each([
  '',
  'stdout',
  'stdout:',
  'stdout:-1',
  'stdout:1e9',
  'stdout:1:2',
  'stderr:1',
  'merged:1',
  `stdout:${'9'.repeat(40)}`,
])('"%s" is not a position in stdout', (text) => {
  expect(parsePosition('stdout', text)).toBeUndefined()
})
