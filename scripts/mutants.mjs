// `pnpm mutants [word…]`: shows that the tests of e2e/seed notice what they are there for. Applies each deliberate fault of
// e2e/seed/mutants.mjs (those whose description holds one of the words) to a copy of the tree, builds, runs the tests that
// the fault names, and fails where one of them passes. Never touches the tree itself.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readOptions, refuse } from '../bench/lib/options.mjs'
import { mutants } from '../e2e/seed/mutants.mjs'

const TESTS = 'e2e/seed'
const RESULTS = 'results.json'

const HELP = `usage: pnpm mutants [WORD…]

Tries those faults whose description holds one of the words, or all:
${mutants.map(({ breaks }) => `  ${breaks}`).join('\n')}`

const root = dirname(import.meta.dirname)
const { words } = readOptions({}, HELP, { allowWords: true })
const chosen = mutants.filter(({ breaks }) => words.length === 0 || words.some((word) => breaks.includes(word)))
// Without a title to look for, all tests would be run.
if (chosen.length === 0) refuse(`no fault is described with ${words.join(', ')}`)
const copy = mkdtempSync(join(tmpdir(), 'mutants-'))
try {
  copyTree()
  const survivors = [...checkUnbroken(), ...chosen.flatMap(tryMutant)]
  console.log(`\n${chosen.length} broken builds, ${survivors.length} tests that did not notice`)
  for (const survivor of survivors) console.log(`  ${survivor}`)
  process.exitCode = survivors.length > 0 ? 1 : 0
} finally {
  rmSync(copy, { recursive: true, force: true })
}

/** Without this, a test that fails always would count as one that notices. */
function checkUnbroken() {
  const titles = [...new Set(chosen.flatMap(({ fails }) => fails))]
  const failed = runTests(titles).filter(({ status }) => status !== 'passed')
  return failed.map(({ title, message }) => `the unbroken build fails: ${title}: ${message}`)
}

/** Tells on screen who noticed; returns who did not. */
function tryMutant({ breaks, file, search, replace, fails }) {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  if (source.split(search).length !== 2) return [`${breaks}: ${file} must hold exactly once: ${search}`]
  writeFileSync(
    path,
    source.replace(search, () => replace),
  )
  const results = runTests(fails)
  writeFileSync(path, source)
  console.log(`\n${breaks}`)
  return fails.flatMap((title) => {
    const rows = results.filter((result) => matches(title, result))
    const noticed = rows.filter(({ status }) => status === 'failed')
    console.log(`  ${noticed.length} of ${rows.length}  ${title}`)
    for (const { message } of noticed.slice(0, 1)) console.log(`          ${message}`)
    return noticed.length > 0 ? [] : [`${breaks}: ${title}`]
  })
}

/** @param titles such as `lock.test.ts › held by another task`; `%s` and `$name` stand for what a row fills in. */
function runTests(titles) {
  run('node_modules/tsup/dist/cli-default.js')
  const files = [...new Set(titles.map((title) => join(TESTS, split(title).file)))]
  const names = titles.map((title) => split(title).pattern.source).join('|')
  rmSync(join(copy, RESULTS), { force: true })
  run('node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.workspace.ts', ...files, '-t', names)
  const { testResults } = JSON.parse(readFileSync(join(copy, RESULTS), 'utf8'))
  return testResults.flatMap(({ name, assertionResults, message }) => {
    if (message) throw new Error(`${name} cannot be run: ${message}`)
    const file = name.split('/').at(-1)
    const wanted = assertionResults.filter(({ status }) => status === 'passed' || status === 'failed')
    return wanted.map((result) => ({ file, ...result, message: result.failureMessages?.[0]?.split('\n')[0] }))
  })
}

function matches(title, result) {
  const { file, pattern } = split(title)
  return result.file === file && pattern.test(result.title)
}

function split(title) {
  const [file, name] = title.split(' › ')
  const escaped = name.replaceAll(/[.*+?^{}()|[\]\\]/g, '\\$&')
  return { file, pattern: new RegExp(`${escaped.replaceAll(/%s|\$\w+/g, '.+')}$`) }
}

function run(program, ...args) {
  return spawnSync(process.execPath, [join(copy, program), ...args], { cwd: copy, stdio: 'ignore' })
}

/** What git knows or would take, and the installed packages by links, where ours lead to the copy. */
function copyTree() {
  // Some tests run as another user, who must get there.
  chmodSync(copy, 0o755)
  const options = { cwd: root, encoding: 'utf8' }
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], options).split(
    '\0',
  )
  for (const file of files.filter(Boolean)) cpSync(join(root, file), join(copy, file), { force: true })
  const names = readdirSync(join(root, 'packages'))
  for (const directory of ['.', ...names.map((name) => join('packages', name))]) linkModules(directory, names)
  const config = join(copy, 'vitest.workspace.ts')
  const text = readFileSync(config, 'utf8')
  if (!text.includes("'default', new")) throw new Error('vitest.workspace.ts: reporters are not where they were')
  writeFileSync(config, text.replace("'default', new", `['json', { outputFile: '${RESULTS}' }], new`))
}

function linkModules(directory, names) {
  const from = join(root, directory, 'node_modules')
  const to = join(copy, directory, 'node_modules')
  mkdirSync(join(to, '@bgtask'), { recursive: true })
  for (const name of names) symlinkSync(join(copy, 'packages', name), join(to, '@bgtask', name))
  for (const name of existsSync(from) ? readdirSync(from) : []) {
    if (name !== '@bgtask') symlinkSync(join(from, name), join(to, name))
  }
}
