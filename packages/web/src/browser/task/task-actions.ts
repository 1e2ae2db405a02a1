import type { RecordedInfo } from '@bgtask/protocol'
import type { ActionBodies, ActionResults, WriteAction } from '../../shared/messages.js'
import { confirm } from '../dialog.js'
import { h } from '../dom.js'
import { survivorsText, taskName } from '../text/format.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGKILL']

export interface TaskActionsOptions {
  readonly dialogs: ParentNode
  readonly act: <A extends WriteAction>(action: A, body: ActionBodies[A]) => Promise<ActionResults[A]>
  readonly showStatus: (message: string, isProblem?: boolean) => void
}

/** What a button does: one action, or stop and restart for a running task. */
type Offer = Exclude<WriteAction, 'stdin' | 'meta'> | 'stopAndRestart'

/** The buttons that control a task: only those that currently apply. Destructive actions ask for confirmation. */
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
        this.#options.showStatus((error as Error).message, true)
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
    const { act, showStatus, dialogs } = this.#options
    if (action === 'pause' || action === 'resume') {
      const { delivered } = await act(action, {})
      return showStatus(
        delivered ? `${action === 'pause' ? 'Paused' : 'Resumed'}.` : 'No process is running.',
        !delivered,
      )
    }
    if (action === 'restart') {
      const { restarted } = await act('restart', {})
      return showStatus(restarted ? 'Restarted.' : 'The task is still running.', !restarted)
    }
    if (action === 'signal') return this.#signal(name)
    const question = { ...QUESTIONS[action], title: QUESTIONS[action].title.replace('%', name), danger: true }
    if (!(await confirm(dialogs, question))) return
    if (action === 'stopAndRestart') return this.#stopAndRestart()
    if (await this.#stop(action)) showStatus('Stopped; no processes are left.')
  }

  /** Returns whether no process is left; otherwise shows the survivors. */
  async #stop(action: 'stop' | 'terminate'): Promise<boolean> {
    const { act, showStatus } = this.#options
    showStatus('Stopping…')
    const result = await act(action, {})
    if (result.survivors.length === 0) return true
    showStatus(`Still running after the last signal: ${survivorsText(result)}`, true)
    return false
  }

  /** Like `bgtask restart`: needs no stop if the task has ended meanwhile, and does not start it beside survivors. */
  async #stopAndRestart(): Promise<void> {
    const { act, showStatus } = this.#options
    const restart = async () => (await act('restart', {})).restarted
    if (!(await restart())) {
      if (!(await this.#stop('stop'))) return
      if (!(await restart())) return showStatus('The task was already restarted by another client.', true)
    }
    showStatus('Restarted.')
  }

  async #signal(name: string): Promise<void> {
    const { act, showStatus, dialogs } = this.#options
    const signal = h('select', { 'aria-label': 'Signal' }, ...SIGNALS.map((one) => h('option', {}, one)))
    const tree = h('input', { type: 'checkbox' })
    const content = h('div', { class: 'fields' }, signal, h('label', {}, tree, 'send to all processes of the task'))
    const question = {
      title: `Signal ${name}`,
      text: 'The program that the task started receives the signal.',
      action: 'Send',
      content,
    }
    if (!(await confirm(dialogs, question))) return
    const { delivered } = await act('signal', { signal: signal.value, tree: tree.checked })
    showStatus(delivered ? `Sent ${signal.value}.` : 'No process is running.', !delivered)
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
    text: 'Stops the program and all processes that it started, then starts it again. New output is added to the old.',
    action: 'Restart',
  },
  stop: {
    title: 'Stop %?',
    text: 'Stops the program and all processes that it started. The output is kept until you remove the task.',
    action: 'Stop',
  },
  terminate: {
    title: 'Remove %?',
    text: 'Stops all processes that are still running, then ends the supervisor. The output is deleted.',
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

/** Restarting a running task also needs the right to stop it. */
function actionsOf(offer: Offer): readonly WriteAction[] {
  return offer === 'stopAndRestart' ? ['stop', 'restart'] : [offer]
}
