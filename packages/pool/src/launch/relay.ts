import type { Readable, Writable } from 'node:stream'

/** How many relays write to a sink. */
const relays = new Map<Writable, number>()

/**
 * Writes on to the caller's own stdout or stderr what a supervisor in the foreground writes, at the pace of who reads there. A
 * reader that has gone (EPIPE) is no reason to end, nor to hold up the supervisor: the rest is dropped.
 */
export function relay(source: Readable, sink: Writable): void {
  if (!relays.has(sink)) sink.on('error', ignore)
  relays.set(sink, (relays.get(sink) ?? 0) + 1)
  source.on('data', (chunk: Buffer) => {
    source.pause()
    sink.write(chunk, () => source.resume())
  })
  source.once('close', () => {
    const others = (relays.get(sink) ?? 1) - 1
    relays.set(sink, others)
    if (others > 0) return
    relays.delete(sink)
    sink.off('error', ignore)
  })
}

function ignore(): void {}
