import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMergePatch } from '../../src/browser/task/merge-patch.js'

type Json = Record<string, unknown>

/** RFC 7396, section 2. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Json = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    const own = Object.hasOwn(result, key) ? result[key] : undefined
    if (value === null) delete result[key]
    else
      Object.defineProperty(result, key, {
        value: apply(own, value),
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
  return result
}

// A merge patch cannot set null.
const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer()))
const meta = fc.letrec<{ object: Json }>((tie) => ({
  object: fc.dictionary(
    fc.constantFrom('a', 'b', '__proto__', 'constructor'),
    fc.oneof({ depthSize: 'small' }, leaf, tie('object')),
  ),
})).object

test('the patch turns the old object into the new one', () => {
  fc.assert(
    fc.property(meta, meta, (before, after) => {
      expect(apply(before, createMergePatch(before, after))).toEqual(after)
    }),
  )
})

test('the patch omits unchanged keys, so that other clients may change them', () => {
  expect(createMergePatch({ a: 1, b: { c: 2, d: 3 }, e: 4 }, { a: 1, b: { c: 2, d: 5 } })).toEqual({
    b: { d: 5 },
    e: null,
  })
})
