// `pnpm api`: compares the public API of each package with its report, packages/<name>/<name>.api.md, and fails if they differ.
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
const libraries = publicPackages().filter(({ directory }) => existsSync(join(directory, 'dist/index.d.ts')))

const changed = libraries.filter((library) => !isAsReported(library))
for (const { name } of changed)
  console.error(`${name}: the public API has changed; \`pnpm api:update\` writes its report`)
process.exitCode = changed.length > 0 ? 1 : 0
if (libraries.length === 0) throw new Error('there are no declarations: run `pnpm build` first')

function isAsReported({ name, directory }) {
  const configObject = {
    projectFolder: directory,
    mainEntryPointFilePath: join(directory, 'dist/index.d.ts'),
    compiler: { overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [join(directory, 'dist/index.d.ts')] } },
    apiReport: {
      enabled: true,
      reportFileName: `${name.replace('@bgtask/', '')}.api.md`,
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
