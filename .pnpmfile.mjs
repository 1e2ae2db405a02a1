import { readFileSync } from 'node:fs'

const project = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

/** What is published is the build: what leads to the sources or serves the tests is not in the tarballs, and goes. */
function beforePacking(manifest) {
  for (const entry of Object.values(manifest.exports ?? {})) {
    if (typeof entry === 'object') delete entry['@bgtask/source']
  }
  delete manifest.devDependencies
  delete manifest.scripts
  addAddresses(manifest)
  return manifest
}

/** From the root manifest, their one place. */
function addAddresses(manifest) {
  const { repository, homepage, bugs } = project
  if (homepage) manifest.homepage = homepage
  if (bugs) manifest.bugs = bugs
  if (!repository) return
  const url = repository.url ?? repository
  manifest.repository = { type: 'git', url, directory: `packages/${manifest.name.replace('@bgtask/', '')}` }
}

export const hooks = { beforePacking }
