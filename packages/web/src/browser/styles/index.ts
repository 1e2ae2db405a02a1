import xtermCss from '@xterm/xterm/css/xterm.css'
import { styleSheet } from '../dom.js'
import baseCss from './base.css'
import dialogCss from './dialog.css'
import inspectorCss from './inspector.css'
import listCss from './list.css'
import narrowCss from './narrow.css'
import outputCss from './output.css'
import shellCss from './shell.css'
import stdinCss from './stdin.css'
import taskCss from './task.css'

/** Style sheets of the console, in order of application. */
export function consoleStyles(): CSSStyleSheet[] {
  const parts = [baseCss, shellCss, listCss, taskCss, outputCss, stdinCss, inspectorCss, dialogCss]
  return [xtermCss, ...parts, narrowCss].map(styleSheet)
}
