import { h } from './dom.js'

export interface Question {
  readonly title: string
  readonly text: string
  /** Label of the confirming button. */
  readonly action: string
  readonly danger?: boolean
  /** Further controls; the caller reads their values. */
  readonly content?: Node
}

/** Asks for confirmation. Resolves with false on Cancel or Escape. */
export function confirm(
  parent: ParentNode,
  { title, text, action, danger = false, content }: Question,
): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (value: string) => () => dialog.close(value)
    const dialog = h(
      'dialog',
      { class: 'dialog', 'aria-label': title, onclose: () => finish() },
      h('h2', {}, title),
      h('p', {}, text),
      content,
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: answer('no') }, 'Cancel'),
        h('button', { type: 'button', class: danger ? 'danger' : 'primary', onclick: answer('yes') }, action),
      ),
    )
    const finish = () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    }
    parent.append(dialog)
    dialog.showModal()
  })
}
