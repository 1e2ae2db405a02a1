/** Controls that move a cursor or worse (terminals obey C1 too), and those that shuffle in which order text is read. */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}]/gu

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text of others (names, command lines, errors) for a terminal: on one line, with nothing that acts on it. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (character) => ESCAPES[character] ?? '\ufffd')
}

/** JSON text for a terminal: the same value, with the controls written as escapes that `JSON.stringify` leaves as they are. */
export function printableJson(json: string): string {
  return json.replace(CONTROLS, (character) => (character === '\n' ? character : `\\u${hex(character)}`))
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0')
}
