// `prepublishOnly` of each public package: refuses until the addresses of the project are filled in. Their one place is the
// root package.json, as `repository`, `homepage` and `bugs`; `.pnpmfile.mjs` copies them into what is packed.
//   node scripts/check-addresses.mjs [package.json]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const file = process.argv[2] ?? join(import.meta.dirname, '../package.json')
const manifest = JSON.parse(readFileSync(file, 'utf8'))
const missing = ['repository', 'homepage', 'bugs'].filter((field) => !isAddress(manifest[field]))

if (missing.length > 0) {
  console.error(`Nothing is published before ${file} has ${missing.join(', ')}: https addresses of this project.`)
  process.exitCode = 1
}

/** As npm takes them: a text, or an object with a `url`. */
function isAddress(value) {
  const text = typeof value === 'object' ? value?.url : value
  return typeof text === 'string' && URL.canParse(text) && /^(git\+)?https:$/.test(new URL(text).protocol)
}
