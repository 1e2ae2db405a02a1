import { visible } from './text/visible.js'

type Props = Record<string, string | number | boolean | undefined | ((event: never) => void)>
type Child = Node | string | undefined

/**
 * Creates an element. Functions named `on…` become listeners, other properties attributes; false and undefined omit an
 * attribute. Text is never parsed as HTML, and its invisible control characters are made visible.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : visible(String(value)))
  }
  element.append(...children.filter((child) => child !== undefined).map(asNode))
  return element
}

/** Sets text only if it differs, so that the user's selection survives. */
export function setText(element: Element, text: string): void {
  const shown = visible(text)
  if (element.textContent !== shown) element.textContent = shown
}

function asNode(child: Node | string): Node | string {
  return typeof child === 'string' ? visible(child) : child
}

/** Creates a style sheet object: a style element would need `unsafe-inline` in the page's Content-Security-Policy. */
export function styleSheet(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  return sheet
}
