// Lets a plain `vitest` find the configuration under the name it looks for.
export { default } from './vitest.workspace.js'
