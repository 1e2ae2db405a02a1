import type { TaskInfo } from '@bgtask/protocol'
import type { ActionBodies, ActionResults, ErrorBody, View, WriteAction } from '../../shared/messages.js'

/** The server refused or failed; the message is shown to the user. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The API of one console. */
export class Api {
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>

  /** @param base address of the console's page. @param headers sent with each request. */
  constructor(base: URL, headers: Readonly<Record<string, string>>) {
    this.#base = new URL('api/', base)
    this.#headers = headers
  }

  async events(query: Record<string, string>, lastEventId: string | undefined, signal: AbortSignal): Promise<Response> {
    const resume: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    return this.#fetch(`events?${new URLSearchParams(query)}`, { signal, headers: resume })
  }

  async info(taskId: string): Promise<TaskInfo> {
    const response = await this.#fetch(`tasks/${taskId}`)
    return (await response.json()).info
  }

  async act<A extends WriteAction>(taskId: string, action: A, body: ActionBodies[A]): Promise<ActionResults[A]> {
    const response = await this.#fetch(`tasks/${taskId}/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return response.json()
  }

  /** Downloads all kept output; also returns a file name. */
  async download(taskId: string, view: View): Promise<{ blob: Blob; name: string }> {
    const response = await this.#fetch(`tasks/${taskId}/output?view=${view}`)
    const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1]
    return { blob: await response.blob(), name: name ?? `${view}.log` }
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(new URL(path, this.#base), {
      ...init,
      headers: { ...this.#headers, ...init.headers },
      cache: 'no-store',
    })
    if (response.ok) return response
    const body = (await response.json().catch(() => undefined)) as ErrorBody | undefined
    throw new ApiError(response.status, body?.error.message ?? `The server answered ${response.status}.`)
  }
}
