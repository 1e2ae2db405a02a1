import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultTaskPool } from '@bgtask/pool'
import { needs, pathOf, reachable, reachableNode, tempDir } from '@bgtask/testkit'
import { expect, onTestFinished, test } from 'vitest'

test('the default pool is the one that the environment names, made for its owner alone', () => {
  const path = join(tempDir(), 'a/pool')
  process.env.BGTASK_TASKPOOL_PATH = path
  onTestFinished(() => {
    delete process.env.BGTASK_TASKPOOL_PATH
  })
  expect(defaultTaskPool().path).toBe(path)
  expect(statSync(path).mode & 0o7777).toBe(0o700)
  expect(defaultTaskPool({ supervisorCmd: ['mine'] }).supervisorCmd).toEqual(['mine'])
})

const machineId = () => readFileSync('/etc/machine-id', 'utf8').trim()

test.runIf(needs('root', 'setpriv')).each([
  ['in the state directory that XDG names', '/state', (home: string) => `${home}/state/bgtask/${machineId()}`],
  [
    'in ~/.local/state, where XDG names none',
    undefined,
    (home: string) => `${home}/.local/state/bgtask/${machineId()}`,
  ],
  [
    'in ~/.local/state, where XDG names no absolute path',
    'state',
    (home: string) => `${home}/.local/state/bgtask/${machineId()}`,
  ],
])("of a user is %s, by the machine's id", (_, stateHome, expected) => {
  const home = tempDir()
  chmodSync(home, 0o777)
  mkdirSync(join(home, 'state'), { mode: 0o777 })
  chmodSync(join(home, 'state'), 0o777)
  const env = { HOME: home, XDG_STATE_HOME: stateHome?.replace(/^\//, `${home}/`) }
  expect(pathAsUser(env)).toBe(expected(home))
})

test.runIf(needs('root', 'setpriv')).each([
  ['no HOME and no entry in passwd', {}],
  ['an empty HOME', { HOME: '' }],
])('of a user with %s must be named, and the error says how', (_, env) => {
  expect(pathAsUser(env)).toMatch(/^ERR_BGTASK_INVALID_OPTION path must be given: set BGTASK_TASKPOOL_PATH/)
})

/** Its path, or why there is none. */
function pathAsUser(env: Record<string, string | undefined>): string {
  const script = fileURLToPath(new URL('fixtures/default-pool.js', import.meta.url))
  const argv = ['--reuid', '12345', '--regid', '12345', '--clear-groups', reachableNode(), reachable(script)]
  return execFileSync(pathOf('setpriv'), argv, { env, cwd: '/', encoding: 'utf8' }).trim()
}
