import { expect, test } from 'vitest'
import { formatFragment, parseFragment } from '../src/browser/location.js'

test.each([
  { fragment: '', place: {} },
  { fragment: '#/', place: {} },
  { fragment: '#token=a-b_C', place: { token: 'a-b_C' } },
  { fragment: '#/t/c0ffee', place: { task: 'c0ffee' } },
  { fragment: '#/t/c0ffee/stderr', place: { task: 'c0ffee', view: 'stderr' } },
  { fragment: '#/t/c0ffee/stdout:12', place: { task: 'c0ffee', view: 'stdout', position: 'stdout:12' } },
  { fragment: '#/t/c0ffee/merged:3:5:', place: { task: 'c0ffee', view: 'merged', position: 'merged:3:5:' } },
  { fragment: '#/t/c0ffee/stdout&token=x', place: { task: 'c0ffee', view: 'stdout', token: 'x' } },
  { fragment: '#/t/../x', place: {} },
])('the fragment $fragment is parsed as $place', ({ fragment, place }) => {
  expect(JSON.parse(JSON.stringify(parseFragment(fragment)))).toEqual(place)
})

test.each(['#/', '#/t/c0ffee/merged', '#/t/c0ffee/stdout:12'])(
  'the fragment %s survives parsing and formatting',
  (fragment) => {
    expect(formatFragment(parseFragment(fragment))).toBe(fragment)
  },
)
