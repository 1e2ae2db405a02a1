import { onStopSignal } from '../stopping.js'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

const CTRL_C = '\u0003'
const ESCAPE = '\u001b'

/** The terminal's alternate screen and its keyboard input. Restores the terminal however the program ends. */
export class Screen implements Disposable {
  readonly #output = process.stdout
  readonly #input = process.stdin
  #isOpen = true
  #lines: readonly string[] = []

  /** @param onQuit called on q, Esc and Ctrl-C. */
  constructor(onQuit: () => void) {
    this.#output.write(ENTER)
    process.once('exit', () => this[Symbol.dispose]())
    onStopSignal(onQuit)
    this.#output.on('resize', () => this.#draw())
    if (!this.#input.isTTY) return
    this.#input.setRawMode(true)
    this.#input.setEncoding('utf8')
    this.#input.on('data', (keys: string) => {
      if (keys.includes('q') || keys.includes(CTRL_C) || keys === ESCAPE) onQuit()
    })
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#output.columns, rows: this.#output.rows }
  }

  /** @param lines formats the content for the current size; called again when the size changes. */
  show(lines: () => readonly string[]): void {
    this.#makeLines = lines
    this.#draw()
  }

  #makeLines: () => readonly string[] = () => []

  /** Overwrites the screen; clearing it first would flicker. */
  #draw(): void {
    if (!this.#isOpen) return
    this.#lines = this.#makeLines()
    this.#output.write(HOME + this.#lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW)
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#input.isTTY) this.#input.setRawMode(false)
    this.#output.write(LEAVE)
  }
}
