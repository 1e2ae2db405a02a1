import { ReadableStream } from 'node:stream/web'
import type { Task } from '@bgtask/client'
import type { RecordedInfo } from '@bgtask/protocol'
import type { View } from '../shared/messages.js'

/** Responds with all kept output as a file; reads it at the client's pace. */
export function respondDownload(task: Task, info: RecordedInfo, view: View): Response {
  // Node's type of ReadableStream has `from`, the global one does not yet; at run time they are the same.
  const body: unknown = ReadableStream.from(keptBytes(task, view))
  return new Response(body as ConstructorParameters<typeof Response>[0], {
    headers: {
      // Never rendered as a page of this origin, whatever the task wrote.
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${fileName(info, view)}"`,
      'cache-control': 'no-store',
    },
  })
}

async function* keptBytes(task: Task, view: View): AsyncGenerator<Uint8Array, void, undefined> {
  const output = view === 'merged' ? task.output : task[view]
  try {
    for await (const chunk of output.follow({ live: false })) if (!chunk.gap) yield chunk.data
  } finally {
    task.disconnect()
  }
}

/** Replaces characters of the name that a header or a file system may not contain. */
function fileName({ meta, supervisorPid }: RecordedInfo, view: View): string {
  const name = typeof meta.name === 'string' ? meta.name : 'task'
  const plain = name.replaceAll(/[^\w.-]+/g, '_').slice(0, 64)
  return `${plain}-${supervisorPid}.${view === 'merged' ? 'log' : `${view}.log`}`
}
