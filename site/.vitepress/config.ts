import { readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type UserConfig } from 'vitepress'
import { pageOf, repositoryLinks } from '../links.ts'

const root = join(import.meta.dirname, '../..')

type Plugin = Extract<NonNullable<NonNullable<UserConfig['vite']>['plugins']>[number], { name: string }>

const packages = ['pool', 'client', 'cli', 'web', 'supervisor', 'protocol', 'conformance', 'supervisor-native']
const decisions = readdirSync(join(root, 'docs/decisions')).toSorted()

/** The pages lie outside of this package, and import `vue`, which only VitePress depends on. */
const vitepress = realpathSync(join(root, 'site/node_modules/vitepress/package.json'))
const vueOfVitepress: Plugin = {
  name: 'vue-of-vitepress',
  enforce: 'pre',
  resolveId(source, importer) {
    const isPage = importer?.endsWith('.md') || importer?.includes('.md?')
    return isPage && /^vue($|\/)/.test(source) ? this.resolve(source, vitepress, { skipSelf: true }) : undefined
  },
}

/** The Markdown of the repository as it is, and the API reference that TypeDoc writes to `site/api`. */
export default defineConfig({
  title: 'bgtask',
  description: 'Background tasks for Node.js that outlive the process that started them',
  srcDir: root,
  srcExclude: ['examples/**', 'packages/*/*/**', 'packages/*/*.api.md', 'chaos/**', '.changeset/**', '.github/**'],
  outDir: join(root, 'site/dist'),
  cacheDir: join(root, 'site/.vitepress/cache'),
  cleanUrls: true,
  rewrites: pageOf,
  markdown: { languageAlias: { msgpack: 'json' }, config: (markdown) => void markdown.use(repositoryLinks(root)) },
  vite: { plugins: [vueOfVitepress], build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Tutorial', link: '/guide/tutorial' },
      { text: 'Recipes', link: '/guide/recipes' },
      { text: 'CLI', link: '/cli' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: [
      {
        text: 'Guide',
        items: [
          { text: 'What bgtask is', link: '/' },
          { text: 'Tutorial', link: '/guide/tutorial' },
          { text: 'Recipes', link: '/guide/recipes' },
          { text: 'Going to production', link: '/guide/production' },
          { text: 'Troubleshooting', link: '/guide/troubleshooting' },
          { text: 'Debugging', link: '/guide/debugging' },
          { text: 'Coming from another tool', link: '/coming-from' },
        ],
      },
      {
        text: 'Reference',
        items: [
          { text: 'Command line', link: '/cli' },
          { text: 'JSON output', link: '/cli-json' },
          { text: 'API', link: '/api/' },
        ],
      },
      { text: 'Packages', items: packages.map((name) => ({ text: name, link: `/packages/${name}` })) },
      {
        text: 'Contract',
        items: [
          { text: 'Launch', link: '/launch' },
          { text: 'Wire', link: '/wire' },
          { text: 'Pool directory', link: '/pool-directory' },
        ],
      },
      {
        text: 'Project',
        items: [
          { text: 'Figures', link: '/figures' },
          { text: 'Compared with other tools', link: '/bench/RESULTS' },
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Contributing', link: '/CONTRIBUTING' },
          { text: 'Security', link: '/SECURITY' },
          { text: 'Support', link: '/SUPPORT' },
          { text: 'Changes', link: '/CHANGELOG' },
          { text: 'The seed and its tests', link: '/seed-coverage' },
        ],
      },
      {
        text: 'Decisions',
        collapsed: true,
        items: decisions.map((file) => ({ text: titleOf(file), link: `/decisions/${file.slice(0, -3)}` })),
      },
    ],
  },
})

/** `001-pipes-from-a-shell.md` is `001 pipes from a shell`. */
function titleOf(file: string): string {
  return file.slice(0, -3).replaceAll('-', ' ')
}
