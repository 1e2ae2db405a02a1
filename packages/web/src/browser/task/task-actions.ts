import type { RecordedInfo } from '@bgtask/protocol'
import type { ActionBodies, ActionResults, WriteAction } from '../../shared/messages.js'
import { confirm } from '../dialog.js'
import { h } from '../dom.js'
import { taskName } from '../text/format.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGKILL']

export interface TaskActionsOptions {
  readonly dialogs: ParentNode
  readonly act: <A extends WriteAction>(action: A, body: ActionBodies[A]) => Promise<ActionResults[A]>
  readonly tell: (message: string, isProblem?: boolean) => void
}

/** The buttons that do something to a task. What cannot be done now is not offered; what cannot be undone is asked about. */
export class TaskActions {
  readonly element = h('div', { class: 'actions', role: 'group', 'aria-label': 'Actions' })
  readonly #options: TaskActionsOptions
  #offered = ''

  constructor(options: TaskActionsOptions) {
    this.#options = options
  }

  update(info: RecordedInfo, can: readonly WriteAction[]): void {
    const offered = offers(info).filter((action) => can.includes(action))
    if (offered.join() === this.#offered) return
    this.#offered = offered.join()
    this.element.replaceChildren(...offered.map((action) => this.#button(action, info)))
  }

  #button(action: Exclude<WriteAction, 'stdin' | 'meta'>, info: RecordedInfo): HTMLElement {
    const danger = action === 'stop' || action === 'terminate'
    const run = async () => {
      const button = element
      button.disabled = true
      try {
        await this.#run(action, taskName(info))
      } catch (error) {
        this.#options.tell((error as Error).message, true)
      } finally {
        button.disabled = false
      }
    }
    const element = h(
      'button',
      { type: 'button', class: danger ? 'danger' : '', onclick: () => void run() },
      LABELS[action],
    )
    return element
  }

  async #run(action: Exclude<WriteAction, 'stdin' | 'meta'>, name: string): Promise<void> {
    const { act, tell, dialogs } = this.#options
    if (action === 'pause' || action === 'resume') {
      const { delivered } = await act(action, {})
      return tell(delivered ? `${action === 'pause' ? 'Paused' : 'Resumed'}.` : 'Nothing runs.', !delivered)
    }
    if (action === 'restart') {
      const { restarted } = await act('restart', {})
      return tell(restarted ? 'Started again.' : 'It still runs.', !restarted)
    }
    if (action === 'signal') return this.#signal(name)
    const question = { ...QUESTIONS[action], title: QUESTIONS[action].title.replace('%', name), danger: true }
    if (!(await confirm(dialogs, question))) return
    tell('Stopping…')
    const { survivors } = await act(action, {})
    const left = survivors.map(({ pid, command }) => `${pid} (${command})`).join(', ')
    tell(left === '' ? 'Stopped; nothing of it is left.' : `Still there after the last signal: ${left}`, left !== '')
  }

  async #signal(name: string): Promise<void> {
    const { act, tell, dialogs } = this.#options
    const signal = h('select', { 'aria-label': 'Signal' }, ...SIGNALS.map((one) => h('option', {}, one)))
    const tree = h('input', { type: 'checkbox' })
    const content = h(
      'div',
      { class: 'fields' },
      signal,
      h('label', {}, tree, 'to everything that belongs to the task'),
    )
    const question = {
      title: `Signal ${name}`,
      text: 'Sent to the program that the task started.',
      action: 'Send',
      content,
    }
    if (!(await confirm(dialogs, question))) return
    const { delivered } = await act('signal', { signal: signal.value, tree: tree.checked })
    tell(delivered ? `${signal.value} was sent.` : 'Nothing runs that could be signalled.', !delivered)
  }
}

const LABELS = {
  signal: 'Signal…',
  pause: 'Pause',
  resume: 'Resume',
  restart: 'Restart',
  stop: 'Stop…',
  terminate: 'Remove…',
}

const QUESTIONS = {
  stop: {
    title: 'Stop %?',
    text: 'Ends the program and everything that it started, by its stop steps. Its output stays until it is removed.',
    action: 'Stop',
  },
  terminate: {
    title: 'Remove %?',
    text: 'Stops what still runs, then lets the supervisor go. The output that it keeps goes with it.',
    action: 'Remove',
  },
} as const

function offers({ state }: RecordedInfo): Exclude<WriteAction, 'stdin' | 'meta'>[] {
  switch (state) {
    case 'running':
    case 'starting':
      return ['pause', 'signal', 'stop', 'terminate']
    case 'paused':
      return ['resume', 'signal', 'stop', 'terminate']
    case 'backoff':
      return ['restart', 'stop', 'terminate']
    case 'exited':
    case 'failed':
      return ['restart', 'terminate']
    case 'orphaned':
      return ['stop', 'terminate']
    case 'lost':
      return ['terminate']
    default:
      return []
  }
}
