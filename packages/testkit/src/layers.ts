import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

/** The layers: package -> the packages that it may import and depend on. */
const LAYERS: Record<string, string[]> = {
  protocol: [],
  client: ['protocol'],
  supervisor: ['protocol'],
  pool: ['protocol', 'client'],
}

/** What a package may depend on without importing it: `pool` looks up the daemon's path when it first needs it. */
const RESOLVED_ONLY: Record<string, string[]> = { pool: ['supervisor'] }

/** Test harness only: no package may need it at run time. */
const TEST_ONLY = 'testkit'

interface Package {
  name: string
  directory: string
  manifest: Record<string, Record<string, unknown> | undefined>
}

/**
 * Holds manifests and imports of `packages/*` against the layers. Packages above the four of the table may use all of
 * them, by name and public entry point only. Manifests' `devDependencies`, and so tests, are free.
 *
 * @returns one line for each violation, naming file, import and rule.
 */
export function layerViolations(packagesDir: string): string[] {
  const packages = readdirSync(packagesDir)
    .map((name) => join(packagesDir, name))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map(readPackage)
    .filter(({ name }) => name !== TEST_ONLY)
  return packages.flatMap((pkg) => [...manifestViolations(pkg, packages), ...importViolations(pkg, packages)])
}

function readPackage(directory: string): Package {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  return { name: manifest.name.replace('@bgtask/', ''), directory, manifest }
}

function manifestViolations(pkg: Package, packages: Package[]): string[] {
  const { dependencies, optionalDependencies, peerDependencies } = pkg.manifest
  const named = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
  const allowed = [...importable(pkg, packages), ...(RESOLVED_ONLY[pkg.name] ?? [])]
  return named
    .filter((dependency) => dependency.startsWith('@bgtask/') && !allowed.includes(shortName(dependency)))
    .map((dependency) => `${pkg.name}/package.json depends on ${dependency}: not in its layers`)
}

function importViolations(pkg: Package, packages: Package[]): string[] {
  return sourceFiles(join(pkg.directory, 'src')).flatMap((file) =>
    importsOf(file).flatMap((specifier) => {
      const rule = brokenRule(specifier, file, pkg, packages)
      return rule === undefined ? [] : [`${relative(join(pkg.directory, '..'), file)} imports ${specifier}: ${rule}`]
    }),
  )
}

function brokenRule(specifier: string, file: string, pkg: Package, packages: Package[]): string | undefined {
  if (specifier.startsWith('.')) {
    const isInside = resolve(file, '..', specifier).startsWith(resolve(pkg.directory, 'src') + sep)
    return isInside ? undefined : 'outside the package, which is to be imported by name'
  }
  if (!specifier.startsWith('@bgtask/')) return undefined
  if (!importable(pkg, packages).includes(shortName(specifier))) return 'not in its layers'
  const target = packages.find(({ name }) => name === shortName(specifier))
  const entry = `.${specifier.slice(`@bgtask/${shortName(specifier)}`.length)}`
  return entry in (target?.manifest.exports ?? {}) ? undefined : 'not a public entry point'
}

function importable({ name }: Package, packages: Package[]): string[] {
  return LAYERS[name] ?? packages.map((other) => other.name).filter((other) => other !== name)
}

function shortName(specifier: string): string {
  return specifier.split('/')[1] ?? ''
}

function sourceFiles(directory: string): string[] {
  if (!existsSync(directory)) return []
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\.[cm]?[jt]sx?$/.test(name)).map((name) => join(directory, name))
}

/** Static, dynamic, type-only and `require` imports alike. */
function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles.map(({ fileName }) => fileName)
}
