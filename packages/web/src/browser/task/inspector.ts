import type { JsonObject, TaskInfo } from '@bgtask/protocol'
import { h, setText } from '../dom.js'
import { mergePatch } from './merge-patch.js'

export interface InspectorCalls {
  info(): Promise<TaskInfo>
  /** Resolves with the whole meta. */
  applyMeta(patch: JsonObject): Promise<JsonObject>
}

/** Everything that is known about a task, and its meta to be edited. */
export class Inspector {
  readonly element: HTMLElement
  readonly #calls: InspectorCalls
  readonly #facts = h('dl', { class: 'facts' })
  readonly #meta: HTMLTextAreaElement
  readonly #save: HTMLButtonElement
  readonly #status = h('output', { class: 'meta-status' })
  /** What the text was made of: an edit is told by what differs from it. */
  #shown: JsonObject = {}
  #canEdit = false

  constructor(calls: InspectorCalls, close: () => void) {
    this.#calls = calls
    this.#meta = h('textarea', { class: 'meta', 'aria-label': 'Meta as JSON', spellcheck: 'false', rows: 8 })
    this.#save = h('button', { type: 'button', class: 'primary', onclick: () => void this.#apply() }, 'Apply')
    this.element = h(
      'aside',
      { class: 'inspector', 'aria-label': 'Inspector', hidden: true },
      h(
        'header',
        {},
        h('h3', {}, 'Meta'),
        h('button', { type: 'button', class: 'quiet', 'aria-label': 'Close the inspector', onclick: close }, '✕'),
      ),
      this.#meta,
      h('div', { class: 'buttons' }, this.#status, this.#save),
      h('h3', {}, 'Info'),
      this.#facts,
    )
    this.canEdit = false
  }

  set canEdit(can: boolean) {
    this.#canEdit = can
    this.#meta.readOnly = !can
    this.#save.hidden = !can
  }

  /** Asks for everything anew; an edit under way stays. */
  async refresh(): Promise<void> {
    try {
      const info = await this.#calls.info()
      if (!this.#isEdited()) this.#show(info.meta as JsonObject)
      this.#facts.replaceChildren(...facts(info))
    } catch (error) {
      this.#facts.replaceChildren(h('dd', {}, (error as Error).message))
    }
  }

  #isEdited(): boolean {
    return this.#canEdit && this.#meta.value !== '' && this.#meta.value !== format(this.#shown)
  }

  #show(meta: JsonObject): void {
    this.#shown = meta
    this.#meta.value = format(meta)
  }

  async #apply(): Promise<void> {
    try {
      const after = JSON.parse(this.#meta.value)
      if (typeof after !== 'object' || after === null || Array.isArray(after))
        throw new Error('Meta must be a JSON object.')
      this.#show(await this.#calls.applyMeta(mergePatch(this.#shown, after) as JsonObject))
      setText(this.#status, 'Applied.')
      this.#status.classList.remove('problem')
    } catch (error) {
      setText(this.#status, (error as Error).message)
      this.#status.classList.add('problem')
    }
  }
}

function facts({ meta, streams, ...info }: TaskInfo): Node[] {
  const rows: [string, unknown][] = Object.entries(info)
  for (const [id, name] of [
    [0, 'stdin'],
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const)
    if (streams) rows.push([name, streams[id]])
  return rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, valueText(name, value))])
}

function valueText(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('At')) return new Date(value).toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 1).replaceAll(/\n\s*/g, ' ')
}

function format(meta: JsonObject): string {
  return JSON.stringify(meta, undefined, 2)
}
