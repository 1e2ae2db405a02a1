import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { execa, type Result } from 'execa'
import ts from 'typescript'

/** One fenced code block of a Markdown file. */
export interface DocBlock {
  /** The fence's info string up to the first blank: `ts`, `sh`, … or empty. */
  language: string
  code: string
  /** The line of the opening fence, from 1. */
  line: number
  /** The reason of a `<!-- no-run: reason -->` before the block. */
  noRun?: string
}

/** A program in the docs ends by itself; this bounds one that does not. */
const TIMEOUT_MS = 25_000

/** The blocks that claim to be programs: tagged `ts`, `js` or `sh`. Others (`json`, `text`, `console`) are for reading. */
export function runnableBlocks(markdown: string): DocBlock[] {
  return docBlocks(markdown).filter((block) => ['ts', 'js', 'sh'].includes(block.language))
}

/** All fenced code blocks, in order. */
export function docBlocks(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = []
  // Fence, indentation (a block may stand in a list), language, code; a fence in longer fences is text.
  const fenced = /^( *)(`{3,})([^\s`]*)[^\n`]*\n([\s\S]*?)^ *\2`*$/gm
  let end = 0
  for (const match of markdown.matchAll(fenced)) {
    const [whole, indent = '', , language = '', code = ''] = match
    const noRun = /<!-- no-run: ([^>]+?) -->\s*$/.exec(markdown.slice(end, match.index))?.[1]
    const line = markdown.slice(0, match.index).split('\n').length
    blocks.push({ language, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''), line, ...(noRun && { noRun }) })
    end = match.index + whole.length
  }
  return blocks
}

/**
 * Runs a block in `directory` (empty, of its own) as a user's project would: `@bgtask/*` are the built packages, and
 * their programs are in PATH. Never rejects; the result tells.
 */
export async function runDocBlock(block: DocBlock, directory: string, packagesDir: string): Promise<Result> {
  const bin = installPackages(directory, packagesDir)
  const options = {
    cwd: directory,
    env: { PATH: [bin, process.env.PATH].join(delimiter), TMPDIR: directory, HOME: directory },
  }
  const bounds = { reject: false, timeout: TIMEOUT_MS, stdin: 'ignore', all: true } as const
  if (block.language === 'sh') return execa('sh', ['-e', '-u', '-c', block.code], { ...options, ...bounds })
  const program = join(directory, 'example.mjs')
  writeFileSync(program, block.language === 'ts' ? withoutTypes(block.code) : block.code)
  return execa(process.execPath, [program], { ...options, ...bounds })
}

/** Links each package as an install would; returns the directory of their programs. */
function installPackages(directory: string, packagesDir: string): string {
  const modules = join(directory, 'node_modules')
  const bin = join(modules, '.bin')
  mkdirSync(join(modules, '@bgtask'), { recursive: true })
  mkdirSync(bin)
  for (const name of readdirSync(packagesDir)) {
    const source = resolve(packagesDir, name)
    if (!existsSync(join(source, 'package.json'))) continue
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
    symlinkSync(source, join(modules, '@bgtask', name))
    for (const [program, file] of Object.entries<string>(manifest.bin ?? {})) {
      symlinkSync(join(source, file), join(bin, program))
    }
  }
  return bin
}

function withoutTypes(code: string): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
  return ts.transpileModule(code, { compilerOptions }).outputText
}
