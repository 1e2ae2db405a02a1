import type { Task, TaskOutput } from '@bgtask/client'
import { MAX_READ_BYTES, type RecordedInfo } from '@bgtask/protocol'
import type { View } from '../shared/messages.js'

/** Everything that is kept at the moment, as a file; read at the pace of whoever takes it. */
export async function respondDownload(task: Task, info: RecordedInfo, view: View): Promise<Response> {
  const bytes = view === 'merged' ? mergedBytes(task) : streamBytes(task.stream(view) as TaskOutput)
  const first = await bytes.next()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = pending ?? (await bytes.next())
        pending = undefined
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await bytes.return()
      },
    },
    { highWaterMark: 0 },
  )
  let pending: typeof first | undefined = first
  return new Response(body, {
    headers: {
      // Never shown as a page of this origin, whatever the task wrote.
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${fileName(info, view)}"`,
      'cache-control': 'no-store',
    },
  })
}

async function* streamBytes(stream: TaskOutput): AsyncGenerator<Uint8Array, void, undefined> {
  const { firstOffset, endOffset } = await stream.info()
  for (let position = firstOffset; position < endOffset; ) {
    const maxBytes = Math.min(MAX_READ_BYTES, endOffset - position)
    const { offset, data } = await stream.read({ from: position, maxBytes })
    if (data.length === 0) return
    position = offset + data.length
    yield data
  }
}

async function* mergedBytes(task: Task): AsyncGenerator<Uint8Array, void, undefined> {
  const { endSeq } = await task.output.order({ maxChunks: 1 })
  if (endSeq === 0) return
  for await (const chunk of task.output.follow()) {
    if (!chunk.gap) yield chunk.data
    if (chunk.next.seq >= endSeq) return
  }
}

/** A name may hold anything; a header and a file system may not. */
function fileName({ meta, supervisorPid }: RecordedInfo, view: View): string {
  const name = typeof meta.name === 'string' ? meta.name : 'task'
  const plain = name.replaceAll(/[^\w.-]+/g, '_').slice(0, 64)
  return `${plain}-${supervisorPid}.${view === 'merged' ? 'log' : `${view}.log`}`
}
