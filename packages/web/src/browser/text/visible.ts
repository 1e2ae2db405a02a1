/** C1 controls, which terminals execute, and bidi controls, which disguise text. */
const INVISIBLE = /[\u0080-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Replaces invisible control characters in a task's text by their code points. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `<U+${hex(character)}>`)
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
}
