import type { Terminal } from '@xterm/xterm'
import { styleSheet } from '../dom.js'

type CreateElement = (tag: string) => HTMLElement

/**
 * Opens a terminal in a shadow root so that it works under a Content-Security-Policy without `unsafe-inline`: what xterm.js
 * writes into style elements (made while it opens) becomes adopted style sheets, and the style attributes of its rows (24-bit
 * colours, selections) become CSSOM. None of it can be reached from a task's output.
 *
 * @returns takes the style sheets away.
 */
export function openTerminal(terminal: Terminal, element: HTMLElement, root: ShadowRoot): () => void {
  const sheets: CSSStyleSheet[] = []
  const createElement: CreateElement = (tag) => {
    const make: CreateElement = (tag) => Document.prototype.createElement.call(document, tag) as HTMLElement
    // Even an empty style element would be refused, and the refusal be told in the browser's console.
    if (tag === 'style') return adoptingElement(make('template'), root, sheets)
    const made = make(tag)
    if (tag === 'span') made.setAttribute = setAttribute
    return made
  }
  document.createElement = createElement as Document['createElement']
  try {
    terminal.open(element)
  } finally {
    // The method of the prototype shows through again.
    delete (document as { createElement?: unknown }).createElement
  }
  makeRowsWith(terminal, createElement)
  return () => {
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet))
  }
}

/** Stands in for a style element: its text is a sheet of the root. */
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

/** Rows are made as output comes, with a document that no option can replace. A test holds this against the pinned version. */
function makeRowsWith(terminal: Terminal, createElement: CreateElement): void {
  const { _core: core } = terminal as unknown as {
    _core: { _renderService: { _renderer: { value: { _rowFactory: { _document: unknown } } } } }
  }
  core._renderService._renderer.value._rowFactory._document = { createElement }
}
