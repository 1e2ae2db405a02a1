import type { MergedPosition } from '@bgtask/client'
import type { View } from '../shared/messages.js'

/** A position in a view, from which to continue. */
export type Position =
  | { readonly view: 'stdout' | 'stderr'; readonly offset: number }
  | { readonly view: 'merged'; readonly merged: MergedPosition }

/** Formats the `id:` of an event: `stdout:1234`, or `merged:` with chunk number and both offsets (empty if nothing was sent of that stream). */
export function formatPosition(position: Position): string {
  if (position.view !== 'merged') return `${position.view}:${position.offset}`
  const { seq, stdout, stderr } = position.merged
  return `merged:${seq}:${stdout ?? ''}:${stderr ?? ''}`
}

/** Undefined if the text is not a position of that view. */
export function parsePosition(view: View, id: string | null | undefined): Position | undefined {
  const [name, ...fields] = (id ?? '').split(':')
  if (name !== view || !fields.every((field) => /^\d{0,15}$/.test(field))) return undefined
  const [first, stdout, stderr] = fields.map((field) => (field === '' ? undefined : Number(field)))
  if (first === undefined) return undefined
  if (view !== 'merged') return fields.length === 1 ? { view, offset: first } : undefined
  return fields.length === 3 ? { view, merged: { seq: first, stdout, stderr } } : undefined
}
