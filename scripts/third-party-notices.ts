import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** Texts by name and version, for each directory that is built into: several builds share one. */
const held = new Map<string, Map<string, string>>()

const HEAD = `This package holds code of the packages below, under their own licenses.\n`

/**
 * Writes `dist/THIRD-PARTY-NOTICES`, the licenses of all that a build put into its bundles from `node_modules`; nothing if
 * it put nothing there.
 *
 * @param copied directories of packages of which the build copies files.
 */
export function thirdPartyNotices(dist: string, copied: readonly string[] = []): Plugin {
  return {
    name: 'third-party-notices',
    setup(build) {
      build.initialOptions.metafile = true
      build.onEnd(({ metafile }) => {
        const inputs = Object.values(metafile?.outputs ?? {}).flatMap((output) => Object.entries(output.inputs))
        const files = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
        const packages = files.filter((path) => path.includes('node_modules/')).map(packageOf)
        add(dist, [...packages, ...copied])
      })
    },
  }
}

function add(dist: string, packages: readonly string[]): void {
  const notices = held.get(dist) ?? new Map<string, string>()
  held.set(dist, notices)
  for (const directory of packages) {
    const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    notices.set(`${name} ${version}`, licenseOf(directory))
  }
  if (notices.size === 0) return
  const sections = [...notices].sort().map(([title, text]) => `${title}\n${'-'.repeat(title.length)}\n\n${text}\n`)
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES'), [HEAD, ...sections].join('\n'))
}

/** The directory of the package that a bundled file belongs to: folders below it may have manifests without a name. */
function packageOf(file: string): string {
  const [, directory] = /^(?:\w+:)?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? []
  if (directory === undefined) throw new Error(`${file} belongs to no package`)
  return resolve(directory)
}

function licenseOf(directory: string): string {
  const name = readdirSync(directory).find((name) => /^(licen[cs]e|copying)/i.test(name))
  if (name === undefined) throw new Error(`${directory} has no license file`)
  return readFileSync(join(directory, name), 'utf8').trim()
}
