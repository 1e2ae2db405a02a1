/** What is published is the build: what leads to the sources or serves the tests is not in the tarballs, and goes. */
function beforePacking(manifest) {
  for (const entry of Object.values(manifest.exports ?? {})) {
    if (typeof entry === 'object') delete entry['@bgtask/source']
  }
  delete manifest.devDependencies
  return manifest
}

export const hooks = { beforePacking }
