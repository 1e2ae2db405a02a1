import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What the browser gets; nothing else of the package can be asked for. */
const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
}

interface Asset {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

const loaded = new Map<string, Asset>()

/** A file of the page, which the browser keeps and asks about anew each time. Undefined where there is none of that name. */
export function respondAsset(request: Request, name: string): Response | undefined {
  const asset = loaded.get(name) ?? load(name)
  if (asset === undefined) return undefined
  const headers = { etag: asset.etag, 'cache-control': 'no-cache', 'content-type': asset.type }
  if (request.headers.get('if-none-match') === asset.etag) return new Response(null, { status: 304, headers })
  return new Response(new Uint8Array(asset.body), { headers })
}

function load(name: string): Asset | undefined {
  const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined
  if (type === undefined) return undefined
  const body = readFileSync(new URL(name, directory()))
  const asset = { body, type, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
  loaded.set(name, asset)
  return asset
}

/** The build puts them beside the bundle; from source (tests) they are two folders away. */
function directory(): URL {
  const here = fileURLToPath(import.meta.url)
  return new URL(here.endsWith('.ts') ? '../../dist/assets/' : './assets/', import.meta.url)
}
