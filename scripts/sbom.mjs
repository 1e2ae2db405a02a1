// node scripts/sbom.mjs DIRECTORY: writes <tarball>.cdx.json, a CycloneDX SBOM, beside each tarball of the directory, with the
// dependencies as they are installed from it. Bundled libraries are in the tarball's dist/THIRD-PARTY-NOTICES.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'

const directory = resolve(process.argv[2] ?? 'packed')
const tarballs = readdirSync(directory).filter((name) => name.endsWith('.tgz'))
if (tarballs.length === 0) throw new Error(`no tarballs in ${directory}`)

const project = mkdtempSync(join(tmpdir(), 'sbom-'))
try {
  writeFileSync(join(project, 'package.json'), '{ "name": "sbom", "version": "0.0.0", "private": true }')
  const paths = tarballs.map((name) => join(directory, name))
  // Packages of all platforms, on one of them.
  npm(['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', ...paths])
  const whole = JSON.parse(npm(['sbom', '--sbom-format', 'cyclonedx']))
  for (const name of tarballs) {
    const sbom = { ...whole, ...sbomOf(name, whole) }
    writeFileSync(join(directory, `${basename(name, '.tgz')}.cdx.json`), `${JSON.stringify(sbom, null, 2)}\n`)
  }
} finally {
  rmSync(project, { recursive: true })
}

/** The component of the tarball and everything that it depends on. */
function sbomOf(tarball, { components, dependencies, metadata }) {
  const own = components.find(
    ({ name, version }) => tarball === `${name.replace('@', '').replace('/', '-')}-${version}.tgz`,
  )
  if (own === undefined) throw new Error(`${tarball} was not installed`)
  const reached = new Set()
  const queue = [own['bom-ref']]
  for (const ref of queue) {
    if (reached.has(ref)) continue
    reached.add(ref)
    queue.push(...(dependencies.find((entry) => entry.ref === ref)?.dependsOn ?? []))
  }
  return {
    metadata: { ...metadata, component: own },
    components: components.filter((component) => component !== own && reached.has(component['bom-ref'])),
    dependencies: dependencies.filter(({ ref }) => reached.has(ref)),
  }
}

function npm(args) {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: project, encoding: 'utf8', maxBuffer: 1e8 })
  if (status !== 0) throw new Error(`npm ${args[0]}: ${stderr}`)
  return stdout
}
