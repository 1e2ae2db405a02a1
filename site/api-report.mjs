// `pnpm api`: compares the public API of each package, for each of its typed exports, with its report, packages/<name>/<export>.api.md,
// and fails if they differ.
// `pnpm api:update` writes the reports. Reads the declarations of the last build.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { publicPackages } from '../scripts/public-packages.mjs'

const isUpdate = process.argv.includes('--update')
const COMPILER_OPTIONS = {
  target: 'es2023',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
}
const quiet = { logLevel: ExtractorLogLevel.None }
const entries = publicPackages().flatMap(entriesOf)

const changed = entries.filter((entry) => !isAsReported(entry))
for (const { name } of changed)
  console.error(`${name}: the public API has changed; \`pnpm api:update\` writes its report`)
process.exitCode = changed.length > 0 ? 1 : 0
if (entries.length === 0) throw new Error('no public package has typed exports')

function entriesOf({ name, directory, manifest }) {
  return Object.entries(manifest.exports ?? {}).flatMap(([path, { types }]) => {
    if (types === undefined) return []
    const declarations = join(directory, types)
    if (!existsSync(declarations)) throw new Error(`${declarations} is missing: run \`pnpm build\` first`)
    const report = path === '.' ? name.replace('@bgtask/', '') : path.replace('./', '')
    return [{ name: join(name, path), directory, declarations, report }]
  })
}

function isAsReported({ directory, declarations, report }) {
  const configObject = {
    projectFolder: directory,
    mainEntryPointFilePath: declarations,
    compiler: { overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [declarations] } },
    apiReport: {
      enabled: true,
      reportFileName: `${report}.api.md`,
      reportFolder: directory,
      reportTempFolder: join(directory, 'node_modules/.cache/api'),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      extractorMessageReporting: { default: quiet },
      compilerMessageReporting: { default: quiet },
      tsdocMessageReporting: { default: quiet },
    },
  }
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(directory, 'package.json'),
  })
  const result = Extractor.invoke(config, {
    localBuild: isUpdate,
    messageCallback: (message) => {
      message.handled = true
    },
  })
  return isUpdate || !result.apiReportChanged
}
