import { VIEWS, type View } from '../shared/messages.js'

/** Content of the fragment of a page's address: `#/t/<task>/<position>`, and initially the token: `#token=…`. */
export interface Place {
  readonly task?: string
  readonly view?: View
  readonly position?: string
  readonly token?: string
}

export function parseFragment(fragment: string): Place {
  const text = fragment.replace(/^#/, '')
  const token = /(?:^|&)token=([\w-]+)$/.exec(text)?.[1]
  const [, task, position] = /^\/t\/([\w-]+)(?:\/([\w:]+))?/.exec(text) ?? []
  const view = VIEWS.find((one) => one === position?.split(':')[0])
  return { task, view, position: view !== undefined && position?.includes(':') ? position : undefined, token }
}

export function formatFragment({ task, view, position }: Place): string {
  return task === undefined ? '#/' : `#/t/${task}/${position ?? view ?? 'merged'}`
}
