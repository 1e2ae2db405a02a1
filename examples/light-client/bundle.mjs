// Bundles follow.js with all that it needs into one file, and prints what that weighs: node bundle.mjs [directory]
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'tsup'

const outDir = resolve(process.argv[2] ?? join(import.meta.dirname, 'dist'))
await build({
  config: false,
  entry: { follow: join(import.meta.dirname, 'follow.js') },
  outDir,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  noExternal: [/.*/],
  minify: true,
  silent: true,
  outExtension: () => ({ js: '.mjs' }),
})
const bytes = readFileSync(join(outDir, 'follow.mjs'))
console.log(`follow.mjs: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`)
