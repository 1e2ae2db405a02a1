import type { Refusal } from './guard.js'

/** Maximum size of a request's body: meta may have 64 KiB, and stdin is sent line by line. */
export const MAX_BODY_BYTES = 128 * 1024

/** Reads a JSON body, at most `MAX_BODY_BYTES` of it. */
export async function readJson(request: Request): Promise<{ value?: unknown; refusal?: Refusal }> {
  // Any page could send a form or plain text without a CORS preflight.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    return { refusal: { status: 415, code: 'CONTENT_TYPE', message: 'The body must be application/json.' } }
  }
  const text = await readText(request)
  if (text === undefined) {
    return { refusal: { status: 413, code: 'BODY_SIZE', message: `The body must not exceed ${MAX_BODY_BYTES} bytes.` } }
  }
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { refusal: { status: 400, code: 'JSON', message: 'The body is not valid JSON.' } }
  }
}

/** Reads the body; undefined if it is too long. If Content-Length is too large, nothing is read. */
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
