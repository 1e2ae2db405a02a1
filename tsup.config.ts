import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig, type Options } from 'tsup'
import { lazyBuiltins } from './scripts/lazy-builtins.js'
import { thirdPartyNotices } from './scripts/third-party-notices.js'

// No `clean`: several builds share one dist, and the declarations come from `scripts/declarations.mjs`.
const common: Options = { target: 'node20', platform: 'node', dts: false, silent: true, sourcemap: true }

/** Not published: what a package uses of these is part of its build. */
const PRIVATE = ['@bgtask/os']

export default defineConfig([
  library('protocol', ['index', 'rpc'], ['msgpackr']),
  library('os', ['index']),
  library('client', ['index']),
  library('pool', ['index']),
  library('supervisor', ['index', 'command', 'internals']),
  daemon('supervisor', 'daemon'),
  library('conformance', ['index', 'cli', 'scripted-supervisor']),
  library('web', ['index']),
  browser('web', ['page', 'console']),
  command('cli', 'bgtask', 'main'),
])

/** ES modules that import other packages, except private ones and those that `inlined` names: they are bundled. */
function library(name: string, entries: string[], inlined: string[] = []): Options {
  const directory = join('packages', name)
  const outDir = join(directory, 'dist')
  return {
    ...common,
    entry: entries.map((entry) => `${directory}/src/${entry}.ts`),
    outDir,
    format: ['esm'],
    skipNodeModulesBundle: true,
    noExternal: [...PRIVATE, ...inlined],
    esbuildOptions: fromSource,
    esbuildPlugins: [thirdPartyNotices(outDir)],
  }
}

/** A supervisor in one file, with the lock addon beside it. */
function daemon(name: string, entry: string): Options {
  const directory = join('packages', name)
  const addon = join(directory, 'node_modules/fs-native-extensions')
  return {
    ...program(directory, [entry]),
    esbuildPlugins: [thirdPartyNotices(join(directory, 'dist'), [addon])],
    onSuccess: () => copyLockAddon(addon, join(directory, 'dist/prebuilds')),
  }
}

/** A command in two files: a small one that `bin` names, and the one that it loads through Node's compile cache. */
function command(name: string, start: string, main: string): Options {
  const directory = join('packages', name)
  const lazy = ['node:child_process', 'node:crypto', 'node:net', 'node:stream/web', 'node:worker_threads']
  return {
    ...program(directory, [start, main]),
    esbuildPlugins: [lazyBuiltins(lazy), thirdPartyNotices(join(directory, 'dist'))],
  }
}

/** CommonJS files that hold all they need: 20 ES modules load 45 ms slower. Not minified, so that stack traces can be read. */
function program(directory: string, entries: string[]): Options {
  return {
    ...common,
    entry: entries.map((entry) => `${directory}/src/${entry}.ts`),
    outDir: join(directory, 'dist'),
    format: ['cjs'],
    outExtension: () => ({ js: '.cjs' }),
    noExternal: [/.*/],
    removeNodeProtocol: false,
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
    esbuildOptions: (options) => {
      fromSource(options)
      // `require` loads faster than `import()`.
      options.supported = { 'dynamic-import': false }
    },
  }
}

/** Bundled packages are read from source, so that no build waits for another. */
function fromSource(options: Parameters<NonNullable<Options['esbuildOptions']>>[0]): void {
  options.conditions = ['@bgtask/source']
}

/** An addon cannot be inlined. Loading its file takes 0.8 ms, `require` of its package 23 ms and more. */
async function copyLockAddon(source: string, target: string): Promise<void> {
  for (const platform of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']) {
    const file = join(platform, 'fs-native-extensions.node')
    await mkdir(join(target, platform), { recursive: true })
    await copyFile(join(source, 'prebuilds', file), join(target, file))
  }
}

/** What browsers get: each entry in one file, styles as text in it, and beside them the files that need no build. */
function browser(name: string, entries: string[]): Options {
  const directory = join('packages', name)
  const source = join(directory, 'src/browser')
  const outDir = join(directory, 'dist/assets')
  return {
    ...common,
    entry: entries.map((entry) => `${source}/${entry}.ts`),
    outDir,
    platform: 'browser',
    target: 'es2022',
    format: ['esm'],
    splitting: false,
    noExternal: [/.*/],
    loader: { '.css': 'text' },
    esbuildOptions: (options) => {
      fromSource(options)
      options.legalComments = 'inline'
    },
    minify: true,
    sourcemap: false,
    esbuildPlugins: [thirdPartyNotices(join(directory, 'dist'))],
    onSuccess: async () => {
      for (const file of ['index.html', 'page.css', 'icon.svg']) await copyFile(join(source, file), join(outDir, file))
    },
  }
}
