import { Terminal } from '@xterm/xterm'
import { InertText } from '../text/inert-text.js'
import { linesToRows, rowsToLines } from './logical-lines.js'
import { openTerminal } from './open-terminal.js'
import { type RowMark, Rows } from './rows.js'
import { TERMINAL_THEMES } from './themes.js'

/** Maximum number of rows to scroll back. Older ones are available only in the download. */
export const SCROLLBACK = 100_000

/** When more characters (UTF-16 units) than this are pending, the writer should wait. */
const HIGH_WATER = 1024 * 1024

/** Bytes between marks: a link leads to the nearest mark before its row. */
const MARK_INTERVAL = 4_096

export interface Chunk {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Uint8Array
  readonly at?: number
  /** Position with which a view begins with these bytes. */
  readonly position: string
  /** Offset of the first byte, if the position is an offset: then rows within the chunk have positions, too. */
  readonly offset?: number
}

/** A terminal for output only: takes no input, and interprets only harmless escape sequences. */
export class OutputTerminal {
  readonly element = document.createElement('div')
  readonly xterm: Terminal
  readonly rows = new Rows()
  /** Called when rows were added, scrolled or redrawn. */
  onchange: () => void = () => {}
  readonly #root: ShadowRoot
  #release = () => {}
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  readonly #inert = { stdout: new InertText(), stderr: new InertText() }
  #waiting = 0
  #drained: (() => void)[] = []
  #endsLine = true
  /** The row on which the next write begins. */
  #shownUpTo = 0
  /** Number of rows that were dropped at the top. */
  #trimmed = 0
  #anchor: { readonly row: number; readonly marker: { readonly line: number; dispose(): void } } | undefined
  /** Row after the last one that was visible when the user scrolled up. */
  #seenUpTo: number | undefined

  constructor(root: ShadowRoot, theme: 'dark' | 'light') {
    this.#root = root
    this.element.className = 'terminal-box'
    this.xterm = new Terminal({
      allowProposedApi: false,
      convertEol: true,
      cursorInactiveStyle: 'none',
      disableStdin: true,
      fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
      fontSize: 13,
      lineHeight: 1.25,
      minimumContrastRatio: 4.5,
      scrollback: SCROLLBACK,
      scrollOnEraseInDisplay: true,
      theme: TERMINAL_THEMES[theme],
    })
    this.xterm.onScroll(() => this.#changed())
    this.xterm.onRender(() => this.#changed())
  }

  /** Must be called once, when the element is in the document. */
  open(): void {
    this.#release = openTerminal(this.xterm, this.element, this.#root)
    // xterm.js would treat keys as input. The page handles scrolling; all other keys belong to the browser.
    this.xterm.attachCustomKeyEventHandler(() => false)
    this.xterm.textarea?.setAttribute('tabindex', '-1')
  }

  /** Resolves when the terminal is ready for more. */
  write({ stream, data, at, position, offset }: Chunk): Promise<void> {
    for (let start = 0; start < data.length; start += MARK_INTERVAL) {
      const piece = data.subarray(start, start + MARK_INTERVAL)
      const text = this.#inert[stream].push(this.#decoders[stream].decode(piece, { stream: true }))
      const here = offset === undefined ? position : `${stream}:${offset + start}`
      this.#write(text, { stream, at, position: here })
    }
    if (this.#waiting <= HIGH_WATER) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  /** Writes a line of the page's own, and resets decoders, since bytes before it are missing. */
  writeNote(text: string, { stream, position }: Pick<Chunk, 'stream' | 'position'>): void {
    this.#decoders[stream] = new TextDecoder()
    this.#inert[stream] = new InertText()
    this.#write(`${this.#endsLine ? '' : '\n'}\x1b[0;2;3m── ${text} ──\x1b[0m\n`, { stream, position })
  }

  /** Number of rows added since the user scrolled up; undefined while the end is visible. */
  get newRows(): number | undefined {
    return this.#seenUpTo === undefined ? undefined : this.#endRow - this.#seenUpTo
  }

  /** Converts a row of the buffer to one counted from the first row ever. */
  absolute(bufferRow: number): number {
    return bufferRow + this.#trimmed
  }

  get trimmed(): number {
    return this.#trimmed
  }

  scrollToEnd(): void {
    this.scrollTo(this.xterm.buffer.active.baseY)
    this.#changed()
  }

  /**
   * Scrolls a row of the buffer to the top. xterm.js scrolls relative to its scrollbar, whose position is stale after a change
   * of height: then it misses by some rows or stays at the edge. One scroll synchronizes the two, so retry.
   */
  scrollTo(bufferRow: number): void {
    const { active } = this.xterm.buffer
    const row = Math.min(Math.max(bufferRow, 0), active.baseY)
    for (let attempt = 0; attempt < 3 && active.viewportY !== row; attempt += 1) {
      const before = active.viewportY
      this.xterm.scrollToLine(row)
      if (active.viewportY === before) this.xterm.scrollLines(row < before ? 1 : -1)
    }
  }

  /** Size of a character cell in CSS pixels; undefined before the first render. */
  get cell(): { width: number; height: number } | undefined {
    const screen = this.element.querySelector('.xterm-screen')?.getBoundingClientRect()
    if (!screen?.width || !screen.height) return undefined
    return { width: screen.width / this.xterm.cols, height: screen.height / this.xterm.rows }
  }

  /** Fits rows and columns to the element. */
  fit(): void {
    const { clientWidth, clientHeight } = this.element
    const cell = this.cell
    if (cell === undefined || clientWidth === 0 || clientHeight === 0) return
    // 14 px for the scrollbar, and the padding before the first column.
    const cols = Math.max(20, Math.floor((clientWidth - 22) / cell.width))
    const rows = Math.max(2, Math.floor(clientHeight / cell.height))
    if (cols === this.xterm.cols && rows === this.xterm.rows) return
    this.#resize(cols, rows)
  }

  set theme(theme: 'dark' | 'light') {
    this.xterm.options.theme = TERMINAL_THEMES[theme]
  }

  dispose(): void {
    this.xterm.dispose()
    this.#release()
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #write(text: string, mark: Omit<RowMark, 'row'>): void {
    if (text === '') return
    this.#endsLine = text.endsWith('\n')
    this.#waiting += text.length
    this.xterm.write(text, () => {
      this.rows.add({ ...mark, row: this.#shownUpTo })
      this.#countTrimmed()
      this.#waiting -= text.length
      if (this.#waiting <= HIGH_WATER) for (const resolve of this.#drained.splice(0)) resolve()
    })
  }

  /** The cursor's row, counted from the first row ever. */
  get #endRow(): number {
    const { baseY, cursorY } = this.xterm.buffer.active
    return this.#trimmed + baseY + cursorY
  }

  /** Counts dropped rows: xterm.js does not report them, but a marker moves up with them. Each write is far smaller than the scrollback. */
  #countTrimmed(): void {
    if (this.#anchor !== undefined) this.#trimmed = this.#anchor.row - this.#anchor.marker.line
    const marker = this.xterm.registerMarker(0)
    this.#anchor?.marker.dispose()
    this.#shownUpTo = this.#endRow
    this.#anchor = marker && { row: this.#shownUpTo, marker }
    this.rows.trim(this.#trimmed)
  }

  #changed(): void {
    const { viewportY, baseY } = this.xterm.buffer.active
    if (viewportY >= baseY) this.#seenUpTo = undefined
    else this.#seenUpTo ??= this.#endRow
    this.onchange()
  }

  /** A change of width rewraps lines: marks and the scroll position stay at the beginnings of their lines. */
  #resize(cols: number, rows: number): void {
    const buffer = this.xterm.buffer.active
    const { viewportY, baseY } = buffer
    const before = cols === this.xterm.cols ? undefined : rowsToLines(buffer)
    const { newRows } = this
    const trimmed = this.#trimmed
    this.xterm.resize(cols, rows)
    let top: number | undefined = viewportY
    if (before !== undefined) {
      const after = linesToRows(buffer)
      const moved = (row: number) => after[before.get(row) ?? -1]
      this.#trimmed = 0
      this.#anchor?.marker.dispose()
      this.#anchor = undefined
      this.rows.move((row) => moved(row - trimmed))
      this.#countTrimmed()
      if (newRows !== undefined) this.#seenUpTo = this.#endRow - newRows
      top = moved(viewportY)
    }
    if (viewportY < baseY && top !== undefined) this.scrollTo(top)
  }
}
