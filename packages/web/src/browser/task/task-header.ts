import type { RecordedInfo } from '@bgtask/protocol'
import type { ListedTask } from '../../shared/messages.js'
import { h, setText } from '../dom.js'
import { icon } from '../icon.js'
import {
  commandText,
  formatBytes,
  formatDuration,
  runDuration,
  stateText,
  survivorsText,
  taskName,
  taskProgress,
  taskTone,
} from '../text/format.js'

/** Shows a task's name, state, facts and progress. */
export class TaskHeader {
  readonly elements: readonly HTMLElement[]
  readonly #name = h('h2', { class: 'task-name' })
  readonly #state = h('span', { class: 'state' })
  readonly #facts = h('p', { class: 'task-facts' })
  readonly #command = h('code', { class: 'command' })
  readonly #bar = h('progress', { max: 1, 'aria-label': 'Progress' })
  readonly #words = h('span')
  readonly #progress = h('div', { class: 'progress', hidden: true }, this.#bar, this.#words)

  /** @param back returns to the list; undefined without a list. */
  constructor(actions: HTMLElement, back: (() => void) | undefined) {
    const title = h(
      'div',
      { class: 'task-title' },
      h('div', { class: 'title-line' }, this.#name, this.#state),
      this.#facts,
      this.#command,
    )
    const toList =
      back &&
      h(
        'button',
        { type: 'button', class: 'back quiet', 'aria-label': 'Back to the list', onclick: back },
        icon('back'),
      )
    this.elements = [h('header', { class: 'task-header' }, toList, title, actions), this.#progress]
  }

  draw(task: ListedTask, now: number): void {
    const { info } = task
    setText(this.#name, taskName(info))
    setText(this.#state, stateText(info))
    this.#state.dataset.tone = taskTone(info)
    setText(this.#command, commandText(info.command))
    this.#command.title = this.#command.textContent ?? ''
    setText(this.#facts, facts(task, now).filter(Boolean).join(' · '))
    this.#drawProgress(info)
  }

  #drawProgress(info: RecordedInfo): void {
    const progress = taskProgress(info)
    this.#progress.hidden = progress === undefined
    if (progress?.part === undefined) this.#bar.removeAttribute('value')
    else this.#bar.value = progress.part
    this.#bar.hidden = progress?.part === undefined
    setText(this.#words, progress?.text ?? '')
  }
}

function facts({ info, endOffsets, rate = 0 }: ListedTask, now: number): (string | false | undefined)[] {
  const duration = runDuration(info, now)
  const written = endOffsets && endOffsets[0] + endOffsets[1]
  const survivors = survivorsText(info.exitStatus ?? {})
  return [
    info.pid !== null && `pid ${info.pid}`,
    `supervisor ${info.supervisorPid}`,
    info.run > 1 && `run ${info.run}`,
    duration !== undefined && formatDuration(duration),
    written !== undefined && `${formatBytes(written)} written`,
    rate > 0 && `${formatBytes(rate)}/s`,
    survivors !== '' && `still running: ${survivors}`,
  ]
}
