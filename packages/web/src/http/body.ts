import type { Refusal } from './guard.js'

/** The most bytes of a request's body: meta may have 64 KiB, and a line of stdin is no file. */
export const MAX_BODY_BYTES = 128 * 1024

/** Reads a JSON body, at most `MAX_BODY_BYTES` of it. */
export async function readJson(request: Request): Promise<{ value?: unknown; refusal?: Refusal }> {
  // A form or a plain text could be sent by any page without asking first (CORS).
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    return { refusal: { status: 415, code: 'CONTENT_TYPE', message: 'The body must be application/json.' } }
  }
  const text = await readText(request)
  if (text === undefined) {
    return { refusal: { status: 413, code: 'BODY_SIZE', message: `The body may have ${MAX_BODY_BYTES} bytes.` } }
  }
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { refusal: { status: 400, code: 'JSON', message: 'The body is not JSON.' } }
  }
}

/** Undefined where it is too long; what is declared as too long is not read at all. */
async function readText(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get('content-length')) > MAX_BODY_BYTES) return undefined
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
