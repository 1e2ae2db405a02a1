import { visible } from './visible.js'

/** Maximum length (characters) of a control string (OSC, DCS, …) before the parser gives up on its terminator. */
const MAX_STRING = 4_096

/** Maximum length of a sequence's parameters. Logs need no longer ones, and huge counts would stall the terminal. */
const MAX_PARAMETERS = 64

/** Final bytes of SGR, cursor movement and erasing within the screen, which colours and progress bars need. */
const ALLOWED_FINALS = 'mABCDEFGHfdJKXP@su'

const ESC = '\x1b'
const BEL = '\x07'

/**
 * Removes everything from a task's output that could do more than show text. Sequences that are not allowed here are dropped:
 * titles, links (OSC 8), the clipboard (OSC 52), colour palettes, alternate screens, mouse modes, queries and resets never
 * reach the terminal. Sequences may be split between calls. C1 and bidi controls become visible.
 */
export class InertText {
  #state: 'text' | 'escape' | 'charset' | 'sequence' | 'string' | 'string-escape' = 'text'
  /** Parameters of the current sequence. */
  #parameters = ''
  /** Length of the current control string. */
  #length = 0

  push(text: string): string {
    let kept = ''
    for (let index = 0; index < text.length; ) {
      if (this.#state === 'text') {
        const end = nextControl(text, index)
        kept += visible(text.slice(index, end))
        index = end
      }
      if (index === text.length) break
      kept += this.#take(text[index] as string)
      index += 1
    }
    return kept
  }

  /** Processes one character; returns the text to show, if any. */
  #take(character: string): string {
    switch (this.#state) {
      case 'text':
        if (character === ESC) this.#state = 'escape'
        return '\n\r\t\b'.includes(character) ? character : ''
      case 'escape':
        return this.#takeAfterEscape(character)
      case 'charset':
        this.#state = 'text'
        return ''
      case 'sequence':
        return this.#takeInSequence(character)
      default:
        return this.#takeInString(character)
    }
  }

  #takeAfterEscape(character: string): string {
    this.#parameters = ''
    this.#length = 0
    if (character === '[') this.#state = 'sequence'
    else if (']PX^_'.includes(character)) this.#state = 'string'
    else if (character >= ' ' && character <= '/') this.#state = 'charset'
    else if (character !== ESC) {
      this.#state = 'text'
      if (character === '7' || character === '8') return ESC + character
      if (character < ' ') return this.#take(character)
    }
    return ''
  }

  #takeInSequence(character: string): string {
    if (character >= ' ' && character <= '?') {
      if (this.#parameters.length <= MAX_PARAMETERS) this.#parameters += character
      return ''
    }
    this.#state = 'text'
    // A control or non-ASCII character aborts the invalid sequence.
    if (character < ' ' || character > '~') return this.#take(character)
    const isAllowed = ALLOWED_FINALS.includes(character) && isHarmless(this.#parameters, character)
    return isAllowed ? `${ESC}[${this.#parameters}${character}` : ''
  }

  /** A string ends with BEL, ST or a line end: so a missing terminator hides at most the rest of the line. */
  #takeInString(character: string): string {
    this.#length += 1
    if (this.#state === 'string-escape') {
      this.#state = 'text'
      return character === '\\' ? '' : this.#takeAfterEscape(character)
    }
    if (character === ESC) this.#state = 'string-escape'
    else if (character === '\n') {
      this.#state = 'text'
      return character
    } else if (character === BEL || this.#length > MAX_STRING) this.#state = 'text'
    return ''
  }
}

function nextControl(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return index
  }
  return text.length
}

/** Allows numbers of at most four digits, without private markers; never the erasure of the scrollback (3J). */
function isHarmless(parameters: string, final: string): boolean {
  if (parameters.length > MAX_PARAMETERS || (final === 'J' && parameters.includes('3'))) return false
  return parameters.split(/[;:]/).every((number) => /^\d{0,4}$/.test(number))
}
