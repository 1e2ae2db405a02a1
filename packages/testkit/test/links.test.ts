import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.endsWith('.api.md') && existsSync(join(root, file)))

test.each(files)('links of %s lead to files and headings that exist', (file) => {
  const dead = linksOf(file).filter(({ path, fragment }) => !leadsSomewhere(file, path, fragment))
  expect(dead).toEqual([])
})

test.each(publicReadmes())('%s can be read from a registry: no link leads out of the package', (file) => {
  const outside = linksOf(file).filter(({ path }) =>
    relative(dirname(file), join(dirname(file), path)).startsWith('..'),
  )
  expect(outside).toEqual([])
})

interface Link {
  path: string
  fragment: string | undefined
}

/** Relative links and images, outside of code. */
function linksOf(file: string): Link[] {
  const text = withoutCode(readFileSync(join(root, file), 'utf8'))
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', fragment] = target.split('#')
      return { path, fragment }
    })
}

function leadsSomewhere(file: string, path: string, fragment: string | undefined): boolean {
  let target = path === '' ? join(root, file) : join(root, dirname(file), path)
  if (!existsSync(target)) return false
  if (fragment === undefined) return true
  if (statSync(target).isDirectory()) target = join(target, 'README.md')
  return headingsOf(readFileSync(target, 'utf8')).includes(fragment)
}

/** As GitHub and the site make them. */
function headingsOf(markdown: string): string[] {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ +(.+)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  )
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^ *(`{3,})[\s\S]*?^ *\1/gm, '').replaceAll(/`[^`\n]*`/g, '')
}

function publicReadmes(): string[] {
  return files.filter((file) => {
    if (!/^packages\/[^/]+\/README\.md$/.test(file)) return false
    return !JSON.parse(readFileSync(join(root, dirname(file), 'package.json'), 'utf8')).private
  })
}
