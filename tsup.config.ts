import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, type Options } from 'tsup'
import { thirdPartyNotices } from './scripts/third-party-notices.js'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const require = createRequire(import.meta.url)

interface Manifest {
  exports?: object
  bin?: object | string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

// No `clean`: several builds share one dist, and the declarations come from `scripts/declarations.mjs`.
const common: Options = { target: 'node20', platform: 'node', dts: false, silent: true }

const directories = readdirSync('packages')
  .map((name) => join('packages', name))
  .filter((directory) => existsSync(join(directory, 'package.json')))

export default defineConfig(
  directories.flatMap((directory) => {
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    return [...library(directory, manifest), ...daemon(directory), ...command(directory), ...browser(directory)]
  }),
)

/** Private: what a package uses of it is part of its build. */
const INLINED = '@bgtask/os'

/**
 * Every `src/x.ts` whose `dist/x.js` is named by `exports` or `bin`. What the manifest names in `dependencies` stays an import;
 * a library among the `devDependencies` is bundled.
 */
function library(directory: string, manifest: Manifest): Options[] {
  const named = JSON.stringify([manifest.exports, manifest.bin]).matchAll(/"\.\/dist\/([^"]+)\.js"/g)
  // An export without a source is told by publint, on the packed package.
  const entry = [...new Set([...named].map(([, name]) => `${directory}/src/${name}.ts`))].filter((file) =>
    existsSync(file),
  )
  if (entry.length === 0) return []
  const outDir = join(directory, 'dist')
  const bundled = Object.keys(manifest.devDependencies ?? {}).filter(
    (name) => name === INLINED || !name.startsWith('@bgtask/'),
  )
  const noExternal = bundled.filter((name) => manifest.dependencies?.[name] === undefined)
  const esbuildPlugins = [thirdPartyNotices(outDir)]
  return [
    {
      ...common,
      entry,
      outDir,
      format: ['esm'],
      skipNodeModulesBundle: true,
      noExternal,
      // From source, so that this build waits for no other.
      esbuildOptions: (options) => {
        options.conditions = ['@bgtask/source']
      },
      esbuildPlugins,
    },
  ]
}

/** A supervisor, with the lock addon beside it. */
function daemon(directory: string): Options[] {
  const dist = join(directory, 'dist')
  const addon = join(directory, 'node_modules/fs-native-extensions')
  return program(
    directory,
    'daemon',
    { start: 'start-daemon', compile: 'compile-daemon' },
    {
      esbuildPlugins: [thirdPartyNotices(dist, [addon])],
      onSuccess: async () => {
        await copyLockAddon(addon, join(dist, 'prebuilds'))
        compile(dist)
      },
    },
  )
}

/** A command for people, most of whose uses need little of Node. */
function command(directory: string): Options[] {
  const parts = ['node:child_process', 'node:crypto', 'node:net', 'node:stream/web', 'node:worker_threads']
  return program(
    directory,
    'bgtask',
    { start: 'start', compile: 'compile' },
    {
      esbuildPlugins: [lazyBuiltins(parts), thirdPartyNotices(join(directory, 'dist'))],
      onSuccess: async () => {
        const pool = await mkdtemp(join(tmpdir(), 'bgtask-'))
        compile(join(directory, 'dist'), 'ls', '--pool', pool)
        await rm(pool, { recursive: true })
      },
    },
  )
}

/** Runs a program with these arguments and keeps what Node has compiled of it. */
function compile(dist: string, ...argv: string[]): void {
  execFileSync(process.execPath, [join(dist, 'compile.cjs'), ...argv])
}

/**
 * A program as one minified CommonJS file, since 20 ES modules boot 45 ms slower; and beside it `start.cjs`, which runs it
 * as Node has compiled it before.
 */
function program(
  directory: string,
  name: string,
  { start, compile }: { start: string; compile: string },
  options: Options,
): Options[] {
  const main = join(directory, `src/${name}.ts`)
  if (!existsSync(main)) return []
  return [
    {
      ...common,
      ...options,
      entry: { [name]: main, start: `scripts/compiled/${start}.ts`, compile: `scripts/compiled/${compile}.ts` },
      outDir: join(directory, 'dist'),
      format: ['cjs'],
      outExtension: () => ({ js: '.cjs' }),
      // From source, so that this build waits for no other.
      esbuildOptions: (options) => {
        options.conditions = ['@bgtask/source']
        // As `require`, which is faster, and works in compiled code too.
        options.supported = { 'dynamic-import': false }
      },
      removeNodeProtocol: false,
      noExternal: [/.*/],
      define: {
        'import.meta.dirname': '__dirname',
        'import.meta.filename': '__filename',
        PROGRAM: JSON.stringify(name),
      },
      minify: true,
    },
  ]
}

/** Loads a part of Node at the first use of something of it: these take a command that needs none of them 10 ms. */
function lazyBuiltins(names: readonly string[]): Plugin {
  return {
    name: 'lazy-builtins',
    setup(build) {
      const filter = new RegExp(`^(${names.join('|')})$`)
      build.onResolve({ filter }, ({ path, namespace }) =>
        namespace === 'lazy' ? { path, external: true } : { path, namespace: 'lazy' },
      )
      build.onLoad({ filter, namespace: 'lazy' }, ({ path }) => {
        const getters = Object.keys(require(path)).map((name) => `get ${name}() { return require('${path}').${name} }`)
        return { contents: `module.exports = { ${getters.join(', ')} }` }
      })
    },
  }
}

/** An addon cannot be inlined. Loading its file takes 0.8 ms, `require` of its package 23 ms and more. */
async function copyLockAddon(source: string, target: string): Promise<void> {
  for (const platform of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']) {
    const file = join(platform, 'fs-native-extensions.node')
    await mkdir(join(target, platform), { recursive: true })
    await copyFile(join(source, 'prebuilds', file), join(target, file))
  }
}

/** What browsers get: each entry whole, styles as text in it, and beside them the files that need no build. */
function browser(directory: string): Options[] {
  const source = join(directory, 'src/browser')
  if (!existsSync(source)) return []
  const outDir = join(directory, 'dist/assets')
  return [
    {
      ...common,
      entry: [join(source, 'page.ts'), join(source, 'console.ts')],
      outDir,
      platform: 'browser',
      target: 'es2022',
      format: ['esm'],
      splitting: false,
      noExternal: [/.*/],
      loader: { '.css': 'text' },
      esbuildOptions: (options) => {
        options.conditions = ['@bgtask/source']
        options.legalComments = 'inline'
      },
      minify: true,
      esbuildPlugins: [thirdPartyNotices(join(directory, 'dist'))],
      onSuccess: async () => {
        for (const file of ['index.html', 'page.css', 'icon.svg'])
          await copyFile(join(source, file), join(outDir, file))
      },
    },
  ]
}
