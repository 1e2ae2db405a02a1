import { BgtaskConsole } from './console-element.js'

// A second copy of this file on a page must not throw.
if (customElements.get('bgtask-console') === undefined) customElements.define('bgtask-console', BgtaskConsole)
