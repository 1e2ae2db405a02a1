import { styleText } from 'node:util'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

/** Colours are for terminals only, and never used if NO_COLOR is set (no-color.org). */
function mayColour(stream: NodeJS.WriteStream): boolean {
  return Boolean(stream.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

/** Returns a function that colours a text, if `stream` may show colours. */
export function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  if (!mayColour(stream)) return (_, text) => text
  return (colour, text) => styleText(colour, text, { validateStream: false })
}
