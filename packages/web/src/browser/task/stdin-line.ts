import { h, setText } from '../dom.js'

const PLACEHOLDER = 'Send a line to stdin'

/** Maximum number of lines in the history. */
const MAX_HISTORY = 100

export interface StdinCalls {
  /** Resolves with the accepted offset of stdin. */
  send(data: string): Promise<number | undefined>
  /** Resolves with true when stdin is closed, or with false if the user cancelled. */
  end(): Promise<boolean>
}

/** The input field for stdin. Sends lines in order; the arrow keys recall earlier lines. */
export class StdinLine {
  readonly element: HTMLFormElement
  readonly #input: HTMLInputElement
  readonly #status = h('output', { class: 'stdin-status' })
  readonly #eof: HTMLButtonElement
  readonly #calls: StdinCalls
  readonly #history: string[] = []
  #place = 0
  #sending: Promise<void> = Promise.resolve()

  constructor(calls: StdinCalls) {
    this.#calls = calls
    this.#input = h('input', {
      type: 'text',
      class: 'stdin-input',
      'aria-label': 'A line for standard input',
      placeholder: PLACEHOLDER,
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      enterkeyhint: 'send',
      onkeydown: (event: KeyboardEvent) => this.#pressed(event),
    })
    this.#eof = h('button', { type: 'button', title: 'Close stdin (Ctrl+D)', onclick: () => void this.#end() }, 'EOF')
    this.element = h(
      'form',
      { class: 'stdin', onsubmit: (event: SubmitEvent) => this.#submitted(event) },
      h('span', { class: 'prompt', 'aria-hidden': 'true' }, '›'),
      this.#input,
      this.#status,
      h('button', { class: 'primary' }, 'Send'),
      this.#eof,
    )
  }

  /** @param reason why nothing can be sent; undefined enables the field. */
  disable(reason: string | undefined): void {
    for (const control of this.element.querySelectorAll('input, button')) {
      ;(control as HTMLInputElement).disabled = reason !== undefined
    }
    this.#input.placeholder = reason ?? PLACEHOLDER
  }

  focus(): void {
    this.#input.focus()
  }

  #submitted(event: SubmitEvent): void {
    event.preventDefault()
    const line = this.#input.value
    this.#input.value = ''
    if (line !== '' && this.#history.at(-1) !== line) this.#history.push(line)
    if (this.#history.length > MAX_HISTORY) this.#history.shift()
    this.#place = this.#history.length
    this.#sending = this.#sending.then(() => this.#send(line))
  }

  async #send(line: string): Promise<void> {
    try {
      const offset = await this.#calls.send(`${line}\n`)
      this.#showStatus(offset === undefined ? '' : `sent, offset ${offset}`)
    } catch (error) {
      this.#showStatus((error as Error).message, true)
      // Restore the line, so that it can be sent again.
      if (this.#input.value === '') this.#input.value = line
    }
  }

  async #end(): Promise<void> {
    try {
      await this.#sending
      if (await this.#calls.end()) this.#showStatus('stdin closed')
    } catch (error) {
      this.#showStatus((error as Error).message, true)
    }
  }

  #pressed(event: KeyboardEvent): void {
    const direction = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (direction !== undefined) {
      event.preventDefault()
      this.#place = Math.min(Math.max(this.#place + direction, 0), this.#history.length)
      this.#input.value = this.#history[this.#place] ?? ''
    } else if (event.key === 'd' && event.ctrlKey && this.#input.value === '') {
      event.preventDefault()
      void this.#end()
    }
  }

  #showStatus(text: string, isProblem = false): void {
    setText(this.#status, text)
    this.#status.classList.toggle('problem', isProblem)
  }
}
