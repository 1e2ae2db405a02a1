/** C1 controls, which terminals obey, and the controls of text direction, which make text read as what it is not. */
const INVISIBLE = /[\u0080-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text of a task for people to read: what could act on it unseen is shown by its code point. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `<U+${hex(character)}>`)
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
}
