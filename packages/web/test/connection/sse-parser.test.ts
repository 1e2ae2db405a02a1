import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseParser } from '../../src/browser/connection/sse-parser.js'

const TEXT =
  'event: hello\ndata: {"a":1}\n\n:\n\nid: stdout:5\nevent: output\ndata: {"b": "x:y"}\n\nevent: cut\ndata: 1\n'

test('events are parsed wherever the text is split; comments and incomplete events are ignored', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(TEXT.length)), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), TEXT.length]
      const parser = new SseParser()
      const events = places.slice(1).flatMap((end, index) => parser.push(TEXT.slice(places[index], end)))
      expect(events).toEqual([
        { event: 'hello', data: '{"a":1}', id: undefined },
        { event: 'output', data: '{"b": "x:y"}', id: 'stdout:5' },
      ])
    }),
  )
})
