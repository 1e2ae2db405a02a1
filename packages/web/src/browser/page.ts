import type { BgtaskConsole, NavigateDetail } from './console-element.js'
import { formatFragment, parseFragment } from './location.js'

const TOKEN_KEY = 'bgtask-console-token'
const THEME_KEY = 'bgtask-console-theme'

takeToken()
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

document.body.append(element)
showPlace()
element.addEventListener('bgtask-navigate', (event) => {
  const { task, view } = (event as CustomEvent<NavigateDetail>).detail
  markTask(task)
  const now = parseFragment(location.hash)
  if (now.task === task && now.view === view) return
  const fragment = formatFragment({ task, view })
  // Another task gets a history entry; another view of the same task does not.
  if (now.task === task) history.replaceState(null, '', fragment)
  else history.pushState(null, '', fragment)
})
addEventListener('popstate', () => {
  // A new token typed into the address of an open page changes only the fragment, which does not reload the page.
  if (takeToken()) location.reload()
  else showPlace()
})

/** Stores the token for reloads and further tabs of this origin, and removes it from the address at once. */
function takeToken(): boolean {
  const place = parseFragment(location.hash)
  if (place.token === undefined) return false
  localStorage.setItem(TOKEN_KEY, place.token)
  history.replaceState(null, '', formatFragment(place))
  return true
}

function showPlace(): void {
  const { task, view, position } = parseFragment(location.hash)
  markTask(task)
  element.show(task, view, position)
}

function markTask(task: string | undefined): void {
  document.body.toggleAttribute('data-task', task !== undefined)
}

function setTheme(theme: string | null): void {
  if (theme !== 'dark' && theme !== 'light') return
  element.setAttribute('theme', theme)
  document.documentElement.dataset.theme = theme
}
