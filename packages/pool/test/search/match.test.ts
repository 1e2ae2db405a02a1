import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPattern, matchesPattern, matchesTask, namesOnlyRecorded } from '../../src/search/match.js'

describe('a pattern', () => {
  const info = {
    a: 1,
    meta: { name: 'CoolProgram', tags: ['x', 'y'], deep: { er: null } },
    c: [1, 2, 3],
    ratio: Number.NaN,
    on: false,
  }

  const rows: [title: string, pattern: unknown, matches: boolean][] = [
    ['without keys matches all', {}, true],
    ['matches the keys it names, whatever else there is', { meta: { name: 'CoolProgram' } }, true],
    ['does not match another value', { meta: { name: 'Cool' } }, false],
    ['needs every key it names', { a: 1, meta: { name: 'CoolProgram', missing: 1 } }, false],
    ['matches arrays of the same length', { c: [1, 2, 3] }, true],
    ['does not match a part of an array', { c: [1, 2] }, false],
    ['does not match a longer array', { c: [1, 2, 3, undefined] }, false],
    ['does not take an array for a map', { c: { 0: 1 } }, false],
    ['does not take a map for an array', { meta: [] }, false],
    ['matches elements by patterns', { meta: { tags: [/^x$/, (tag: string) => tag === 'y'] } }, true],
    ['tells null from missing', { meta: { deep: { er: undefined } } }, false],
    ['matches null', { meta: { deep: { er: null } } }, true],
    ['with an undefined value wants the key to be missing', { lockfile: undefined }, true],
    ['with an undefined value does not match a key that is there', { a: undefined }, false],
    ['does not compare a number with its text', { a: '1' }, false],
    ['matches NaN', { ratio: Number.NaN }, true],
    ['does not take false for missing', { off: false }, false],
    ['matches text by a RegExp', { meta: { name: /cool/i } }, true],
    ['with a RegExp matches text only', { a: /1/ }, false],
    ['with a function lets it decide', { a: (value: number) => value > 0 }, true],
    ['with a function that throws does not match', { b: (value: string) => value.length > 0 }, false],
    ['takes what objects inherit for missing', { toString: undefined }, true],
    ['shows a function nothing that objects inherit', { toString: (value: unknown) => value !== undefined }, false],
  ]
  test.each(rows)('%s', (_, pattern, matches) => {
    expect(matchesPattern(pattern, info)).toBe(matches)
  })

  test('with a sticky or global RegExp gives the same answer each time', () => {
    const pattern = { name: /a/gy }
    expect([1, 2, 3].map(() => matchesPattern(pattern, { name: 'ab' }))).toEqual([true, true, true])
    expect(pattern.name.lastIndex).toBe(0)
  })

  test('with an async function is refused, since every promise would count as true', () => {
    const pattern = { a: async () => Promise.reject(new Error('never looked at')) }
    expect(() => matchesPattern(pattern, info)).toThrow(/synchronous functions only/)
  })

  test.each([[null], ['name'], [[]], [/x/], [new Date()], [1]])('that is %s is refused', (pattern) => {
    expect(() => checkPattern(pattern)).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option: 'pattern' }),
    )
  })
})

describe('a predicate', () => {
  const info = { c: [1] } as never
  const rows: [title: string, predicate: (info: never) => unknown, matches: boolean][] = [
    ['true', () => true, true],
    ['truthy', () => 1, true],
    ['false', () => false, false],
    ['a promise of true', async () => true, true],
    ['a promise of false', async () => false, false],
    ['a throw', (info: { meta: { name: string } }) => info.meta.name === 'x', false],
    ['a rejection', async () => Promise.reject(new Error('no')), false],
  ]
  test.each(rows)('that gives %s', async (_, predicate, matches) => {
    expect(await matchesTask(predicate as never, info)).toBe(matches)
  })
})

test.each([
  [{}, true],
  [{ meta: { anything: { at: 'all' } }, state: 'running', pid: 1 }, true],
  [{ streams: { 1: { eof: true } } }, false],
  [{ meta: {}, clientCount: 1 }, false],
  [{ a: 1 }, false],
])('records suffice for %j: %s', (pattern, suffice) => {
  expect(namesOnlyRecorded(pattern)).toBe(suffice)
})

describe('matching against a plain model', () => {
  // Few keys and values, so that matches are not rare.
  const scalar = fc.oneof(fc.constantFrom(null, true, false, 0, 1, -0, 'a', 'b', ''), fc.double())
  const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'length')
  const { value } = fc.letrec<{ value: unknown; map: Record<string, unknown>; list: unknown[] }>((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('map'), tie('list')),
    map: fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    list: fc.array(tie('value'), { maxLength: 3 }),
  }))

  test('says what the model says', () => {
    fc.assert(
      fc.property(value, value, (pattern, other) => {
        expect(matchesPattern(pattern, other)).toBe(model(pattern, other))
      }),
      { numRuns: 2_000 },
    )
  })

  test('every value matches itself, and each part of it', () => {
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.boolean()), (whole, choices) => {
        expect(matchesPattern(whole, whole)).toBe(true)
        expect(matchesPattern(partOf(whole, choices), whole)).toBe(true)
      }),
    )
  })

  /** The rules as design §3 words them, on the paths of the pattern instead of by recursion over both. */
  function model(pattern: unknown, other: unknown): boolean {
    return pathsOf(pattern).every(({ path, kind, leaf, length }) => {
      const found = at(other, path)
      if (kind === 'map') return typeof found === 'object' && found !== null && !Array.isArray(found)
      if (kind === 'list') return Array.isArray(found) && found.length === length
      return Object.is(found, leaf)
    })
  }

  interface Place {
    path: string[]
    kind: 'map' | 'list' | 'leaf'
    leaf?: unknown
    length?: number
  }

  function pathsOf(pattern: unknown, path: string[] = []): Place[] {
    if (typeof pattern !== 'object' || pattern === null) return [{ path, kind: 'leaf', leaf: pattern }]
    const inner = Object.keys(pattern).flatMap((name) => pathsOf((pattern as never)[name], [...path, name]))
    if (Array.isArray(pattern)) return [{ path, kind: 'list', length: pattern.length }, ...inner]
    return [{ path, kind: 'map' }, ...inner]
  }

  function at(whole: unknown, path: string[]): unknown {
    return path.reduce<unknown>((part, name) => {
      if (typeof part !== 'object' || part === null) return undefined
      return Object.getOwnPropertyDescriptor(part, name)?.value
    }, whole)
  }

  function partOf(whole: unknown, choices: fc.Stream<boolean>): unknown {
    if (Array.isArray(whole)) return whole.map((item) => partOf(item, choices))
    if (typeof whole !== 'object' || whole === null) return whole
    const kept = Object.entries(whole).filter(() => choices.next().value)
    return Object.fromEntries(kept.map(([name, item]) => [name, partOf(item, choices)]))
  }
})
