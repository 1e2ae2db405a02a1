import { styleText } from 'node:util'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

/** Colours are for terminals, unless NO_COLOR is set (no-color.org). */
export function mayColour(stream: NodeJS.WriteStream): boolean {
  return Boolean(stream.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

/** Gives a text a colour if `stream` shows colours. */
export function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  if (!mayColour(stream)) return (_, text) => text
  // Not `styleText`'s own check of the stream, which Node 20 lacks.
  return (colour, text) => styleText(colour, text, { validateStream: false })
}
