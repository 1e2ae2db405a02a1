import type { JsonObject, TaskInfo } from '@bgtask/protocol'
import { h, setText } from '../dom.js'
import { icon } from '../icon.js'
import { createMergePatch } from './merge-patch.js'

export interface InspectorCalls {
  info(): Promise<TaskInfo>
  /** Resolves with the whole meta. */
  applyMeta(patch: JsonObject): Promise<JsonObject>
}

/** Shows all info about a task, and an editor for its meta. */
export class Inspector {
  readonly element: HTMLElement
  readonly #calls: InspectorCalls
  readonly #facts = h('dl', { class: 'facts' })
  readonly #meta: HTMLTextAreaElement
  readonly #save: HTMLButtonElement
  readonly #status = h('output', { class: 'meta-status' })
  /** The meta that the text was created from; the difference is the user's edit. */
  #shown: JsonObject | undefined
  /** Number of applied edits. Info requested before an edit may be older than its result. */
  #applied = 0

  constructor(calls: InspectorCalls, close: () => void) {
    this.#calls = calls
    this.#meta = h('textarea', {
      class: 'meta',
      'aria-label': 'Meta as JSON',
      spellcheck: 'false',
      rows: 8,
      onblur: () => void this.refresh(),
    })
    this.#save = h('button', { type: 'button', class: 'primary', onclick: () => void this.#apply() }, 'Apply')
    this.element = h(
      'aside',
      { class: 'inspector', 'aria-label': 'Inspector', hidden: true },
      h(
        'header',
        {},
        h('h3', {}, 'Meta'),
        h(
          'button',
          { type: 'button', class: 'quiet', 'aria-label': 'Close the inspector', onclick: close },
          icon('close'),
        ),
      ),
      this.#meta,
      h('div', { class: 'buttons' }, this.#status, this.#save),
      h('h3', {}, 'Info'),
      this.#facts,
    )
    this.canEdit = false
  }

  set canEdit(can: boolean) {
    this.#meta.readOnly = !can
    this.#save.hidden = !can
  }

  /** Fetches the info. Does not replace text that is being edited: even the same text would lose the selection. */
  async refresh(): Promise<void> {
    const applied = this.#applied
    try {
      const info = await this.#calls.info()
      if (applied === this.#applied && !this.#isEditing()) this.#show(info.meta as JsonObject)
      this.#showFacts(facts(info))
    } catch (error) {
      this.#showFacts([['', (error as Error).message]])
    }
  }

  #isEditing(): boolean {
    if (this.#shown === undefined) return false
    return this.#meta.matches(':focus') || this.#meta.value !== format(this.#shown)
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
      const meta = await this.#calls.applyMeta(createMergePatch(this.#shown ?? {}, after) as JsonObject)
      this.#applied += 1
      this.#show(meta)
      setText(this.#status, 'Applied.')
      this.#status.classList.remove('problem')
    } catch (error) {
      setText(this.#status, (error as Error).message)
      this.#status.classList.add('problem')
    }
  }

  /** Reuses the elements, so that a selection survives. */
  #showFacts(rows: readonly Fact[]): void {
    const cells = rows.length * 2
    while (this.#facts.childElementCount > cells) this.#facts.lastElementChild?.remove()
    while (this.#facts.childElementCount < cells) this.#facts.append(h('dt'), h('dd'))
    for (const [index, [name, value]] of rows.entries()) {
      setText(this.#facts.children[index * 2] as Element, name)
      setText(this.#facts.children[index * 2 + 1] as Element, value)
    }
  }
}

type Fact = readonly [name: string, value: string]

function facts({ meta, streams, ...info }: TaskInfo): Fact[] {
  const rows: [string, unknown][] = Object.entries(info)
  if (streams) rows.push(['stdin', streams[0]], ['stdout', streams[1]], ['stderr', streams[2]])
  return rows.map(([name, value]) => [name, valueText(name, value)])
}

function valueText(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('At')) return new Date(value).toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 1).replaceAll(/\n\s*/g, ' ')
}

function format(meta: JsonObject): string {
  return JSON.stringify(meta, undefined, 2)
}
