/**
 * Text of others (names, command lines, meta) for a terminal: control characters would move the cursor or worse, bidirectional
 * ones shuffle what is read, and a line end would make two rows of one.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => ESCAPES[character] ?? '\ufffd')
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
