import type { BgtaskConsole, NavigateDetail } from './console-element.js'
import { formatFragment, parseFragment } from './location.js'

const TOKEN_KEY = 'bgtask-console-token'
const THEME_KEY = 'bgtask-console-theme'

const place = parseFragment(location.hash)
if (place.token !== undefined) {
  // Kept for reloads and further tabs of this origin, and out of the address at once.
  localStorage.setItem(TOKEN_KEY, place.token)
  history.replaceState(null, '', formatFragment(place))
}

const token = localStorage.getItem(TOKEN_KEY)
const element = document.createElement('bgtask-console') as BgtaskConsole
element.setAttribute('src', './')
if (token !== null) element.headers = { authorization: `Bearer ${token}` }
element.linkTo = (task, view, position) => new URL(formatFragment({ task, view, position }), location.href).href
setTheme(localStorage.getItem(THEME_KEY))

document.querySelector('#theme')?.addEventListener('click', () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === 'dark'
  const theme =
    isDark || (!element.hasAttribute('theme') && matchMedia('(prefers-color-scheme: dark)').matches) ? 'light' : 'dark'
  localStorage.setItem(THEME_KEY, theme)
  setTheme(theme)
})

element.addEventListener('bgtask-navigate', (event) => {
  const { task, view } = (event as CustomEvent<NavigateDetail>).detail
  const now = parseFragment(location.hash)
  if (now.task === task && now.view === view) return
  const fragment = formatFragment({ task, view })
  // Another task is another place to come back to; another tab of it is not.
  if (now.task === task) history.replaceState(null, '', fragment)
  else history.pushState(null, '', fragment)
})
const follow = () => {
  const { task, view, position } = parseFragment(location.hash)
  element.show(task, view, position)
}
addEventListener('popstate', follow)
document.body.append(element)
if (place.task !== undefined) follow()

function setTheme(theme: string | null): void {
  if (theme !== 'dark' && theme !== 'light') return
  element.setAttribute('theme', theme)
  document.documentElement.dataset.theme = theme
}
