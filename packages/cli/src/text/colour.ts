const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const

export type Colour = keyof typeof CODES

/** Colours are for terminals, and never where NO_COLOR is set (no-color.org). */
export function mayColour(stream: NodeJS.WriteStream): boolean {
  return Boolean(stream.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

/** Gives a text a colour, where `stream` shows colours. */
export function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  if (!mayColour(stream)) return (_, text) => text
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`
}
