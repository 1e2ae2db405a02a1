import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The files that are served; no others of the package are accessible. */
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

/** Serves a file of the page; the browser caches and revalidates it. Undefined if there is no file of that name. */
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

/** The build puts the assets beside the bundle; for sources (in tests) they are in the package's `dist`. */
function directory(): URL {
  const here = fileURLToPath(import.meta.url)
  return new URL(here.endsWith('.ts') ? '../../dist/assets/' : './assets/', import.meta.url)
}
