import { existsSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

/**
 * Links between the Markdown files of the repository, as pages of the site. A link to a file that is no page (a test, an
 * example) becomes its text. VitePress reports links to missing pages; a link to a missing file ends the build here.
 */
export function repositoryLinks(root: string): (markdown: MarkdownRenderer) => void {
  return (markdown) =>
    markdown.core.ruler.push('repository-links', ({ tokens, env }) => {
      for (const { children } of tokens) {
        for (const token of children ?? []) {
          if (token.type !== 'link_open') continue
          const href = token.attrGet('href') ?? ''
          if (/^([a-z]+:|#|\/)/.test(href)) continue
          const target = resolveLink(root, env.realPath ?? env.path, href)
          if (target !== undefined) token.attrSet('href', target)
          else makeSpan(token)
        }
        closeSpans(children ?? [])
      }
    })
}

/** Where a Markdown file of the repository stands in the site. */
export function pageOf(file: string): string {
  return file
    .replace(/^docs\//, '')
    .replace(/^site\/api\/packages\/([^/]+)\/src\.md$/, 'api/$1.md')
    .replace(/^site\/api\//, 'api/')
    .replace(/^packages\/([^/]+)\/README\.md$/, 'packages/$1.md')
    .replace(/^(.*\/)?README\.md$/, '$1index.md')
}

function resolveLink(root: string, page: string, href: string): string | undefined {
  const [path = '', fragment] = href.split('#')
  let file = join(dirname(page), decodeURIComponent(path))
  if (!existsSync(file)) throw new Error(`${page}: dead link: ${href}`)
  if (statSync(file).isDirectory()) file = join(file, 'README.md')
  if (!file.endsWith('.md') || !existsSync(file) || isExample(root, file)) return undefined
  const target = posix.join('/', pageOf(posix.relative(root, file)).replace(/(index)?\.md$/, ''))
  return fragment === undefined ? target : `${target}#${fragment}`
}

function isExample(root: string, file: string): boolean {
  return file.startsWith(join(root, 'examples'))
}

function makeSpan(token: Token): void {
  token.type = 'span_open'
  token.tag = 'span'
  token.attrs = null
}

/** Links do not nest, so a link that closes while a span is open closes the span. */
function closeSpans(tokens: Token[]): void {
  let isSpan = false
  for (const token of tokens) {
    if (token.type === 'span_open') isSpan = true
    if (token.type !== 'link_close' || !isSpan) continue
    token.type = 'span_close'
    token.tag = 'span'
    isSpan = false
  }
}

interface Token {
  type: string
  tag: string
  attrs: [string, string][] | null
}
