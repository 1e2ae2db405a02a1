import type { RecordedInfo } from '@bgtask/protocol'
import type { ActionBodies, ActionResults, WriteAction } from '../../shared/messages.js'
import { confirm } from '../dialog.js'
import { h } from '../dom.js'
import { survivorsText, taskName } from '../text/format.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGKILL']

export interface TaskActionsOptions {
  readonly dialogs: ParentNode
  readonly act: <A extends WriteAction>(action: A, body: ActionBodies[A]) => Promise<ActionResults[A]>
  readonly tell: (message: string, isProblem?: boolean) => void
}

/** What a button does: one action, or a restart of what runs, which takes two. */
type Offer = Exclude<WriteAction, 'stdin' | 'meta'> | 'stopAndRestart'

/** The buttons that do something to a task. What cannot be done now is not offered; what cannot be undone is asked about. */
export class TaskActions {
  readonly element = h('div', { class: 'actions', role: 'group', 'aria-label': 'Actions' })
  readonly #options: TaskActionsOptions
  #offered = ''

  constructor(options: TaskActionsOptions) {
    this.#options = options
  }

  update(info: RecordedInfo, can: readonly WriteAction[]): void {
    const offered = offers(info).filter((offer) => actionsOf(offer).every((action) => can.includes(action)))
    if (offered.join() === this.#offered) return
    this.#offered = offered.join()
    this.element.replaceChildren(...offered.map((action) => this.#button(action, info)))
  }

  #button(action: Offer, info: RecordedInfo): HTMLElement {
    const danger = action in QUESTIONS
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

  async #run(action: Offer, name: string): Promise<void> {
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
    if (action === 'stopAndRestart') return this.#stopAndRestart()
    if (await this.#stop(action)) tell('Stopped; nothing of it is left.')
  }

  /** Whether nothing is left; else what is has been told. */
  async #stop(action: 'stop' | 'terminate'): Promise<boolean> {
    const { act, tell } = this.#options
    tell('Stopping…')
    const result = await act(action, {})
    if (result.survivors.length === 0) return true
    tell(`Still there after the last signal: ${survivorsText(result)}`, true)
    return false
  }

  /** As `bgtask restart`: what has ended meanwhile needs no stop, and what outlives one is not started beside itself. */
  async #stopAndRestart(): Promise<void> {
    const { act, tell } = this.#options
    const restart = async () => (await act('restart', {})).restarted
    if (!(await restart())) {
      if (!(await this.#stop('stop'))) return
      if (!(await restart())) return tell('Somebody else started it again.', true)
    }
    tell('Started again.')
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
  stopAndRestart: 'Restart…',
  stop: 'Stop…',
  terminate: 'Remove…',
}

const QUESTIONS = {
  stopAndRestart: {
    title: 'Restart %?',
    text: 'Ends the program and everything that it started, by its stop steps, then starts it again. Its output goes on.',
    action: 'Restart',
  },
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

function offers({ state }: RecordedInfo): Offer[] {
  switch (state) {
    case 'running':
    case 'starting':
      return ['pause', 'signal', 'stopAndRestart', 'stop', 'terminate']
    case 'paused':
      return ['resume', 'signal', 'stopAndRestart', 'stop', 'terminate']
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

/** Who may restart only must not stop what runs. */
function actionsOf(offer: Offer): readonly WriteAction[] {
  return offer === 'stopAndRestart' ? ['stop', 'restart'] : [offer]
}
