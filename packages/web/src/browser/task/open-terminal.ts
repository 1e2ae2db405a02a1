import type { Terminal } from '@xterm/xterm'
import { styleSheet } from '../dom.js'

type CreateElement = (tag: string) => HTMLElement

/**
 * Opens a terminal in a shadow root so that it works under a Content-Security-Policy without `unsafe-inline`. The text of
 * xterm.js's style elements (created while it opens) goes into adopted style sheets, and style attributes of its rows (24-bit
 * colours, selections) into the CSSOM. A task's output cannot reach either.
 *
 * @returns a function that removes the style sheets.
 */
export function openTerminal(terminal: Terminal, element: HTMLElement, root: ShadowRoot): () => void {
  const sheets: CSSStyleSheet[] = []
  const createElement: CreateElement = (tag) => {
    const make: CreateElement = (tag) => Document.prototype.createElement.call(document, tag) as HTMLElement
    // The browser would refuse even an empty style element, and log the refusal.
    if (tag === 'style') return adoptingElement(make('template'), root, sheets)
    const made = make(tag)
    if (tag === 'span') made.setAttribute = setAttribute
    return made
  }
  document.createElement = createElement as Document['createElement']
  try {
    terminal.open(element)
  } finally {
    // Uncovers the prototype's method again.
    delete (document as { createElement?: unknown }).createElement
  }
  createRowsWith(terminal, createElement)
  return () => {
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet))
  }
}

/** Substitute for a style element: its text goes into a style sheet of the root. */
function adoptingElement(element: HTMLElement, root: ShadowRoot, sheets: CSSStyleSheet[]): HTMLElement {
  const sheet = styleSheet('')
  sheets.push(sheet)
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  Object.defineProperty(element, 'textContent', { set: (css: string) => sheet.replaceSync(css) })
  return element
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value
  else Element.prototype.setAttribute.call(this, name, value)
}

/** xterm.js creates rows later, with a document that no option can replace. A test verifies this against the pinned version. */
function createRowsWith(terminal: Terminal, createElement: CreateElement): void {
  const { _core: core } = terminal as unknown as {
    _core: { _renderService: { _renderer: { value: { _rowFactory: { _document: unknown } } } } }
  }
  core._renderService._renderer.value._rowFactory._document = { createElement }
}
