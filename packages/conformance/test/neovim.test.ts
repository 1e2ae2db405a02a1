import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { needs, pathOf, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { makePool } from './support/pools.js'

/** Neovim's own client, which knows nothing of us. */
const SCRIPT = `
let task = sockconnect('pipe', $TASK_SOCKET, #{rpc: v:true})
let info = rpcrequest(task, 'getInfo')
let read = rpcrequest(task, 'readStream', #{streamId: 1, from: 0, waitMs: 10000})
let unsupported = ''
try
  call rpcrequest(task, 'fly')
catch
  let unsupported = v:exception
endtry
call rpcnotify(task, 'whatever', 1)
let stopped = rpcrequest(task, 'stop', #{steps: [#{killSignal: 'SIGINT', waitMs: 5000}]})
call writefile([json_encode(#{info: info, read: read, unsupported: unsupported, stopped: stopped})], $RESULT)
qall!
`

test.runIf(needs('nvim'))('the MessagePack-RPC client of Neovim talks to a task', async () => {
  const directory = tempDir()
  const [script, result] = [join(directory, 'script.vim'), join(directory, 'result.json')]
  writeFileSync(script, SCRIPT)
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'echo hello; cat', meta: { name: 'from neovim' } })
  await task.stdout.waitFor('hello')
  const env = { ...process.env, TASK_SOCKET: pool.socketPath(task.pid), RESULT: result, HOME: directory }
  await promisify(execFile)(pathOf('nvim'), ['--headless', '-n', '-u', 'NONE', '-S', script], { env, timeout: 20_000 })
  const { info, read, unsupported, stopped } = JSON.parse(readFileSync(result, 'utf8'))
  expect(info).toMatchObject({ state: 'running', supervisorPid: task.pid, meta: { name: 'from neovim' } })
  expect(read).toMatchObject({ offset: 0, data: 'hello\n', eof: false })
  // It shows the words of errors that are strings or its own; that there is one it tells of any.
  expect(unsupported).toContain("Error invoking 'fly'")
  expect(stopped).toMatchObject({ exitStatus: { signal: 'SIGINT', cause: 'stopped' }, survivors: [] })
})
