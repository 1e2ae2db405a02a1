import { fork } from 'node:child_process'
import { once } from 'node:events'

const program = new URL('../fixtures/followers.mjs', import.meta.url)

/** Another process that follows a task's stdout over `count` connections; resolves when all have got something. */
export async function connectFollowers(path, pid, count) {
  if (count === 0) return async () => {}
  const child = fork(program, [path, String(pid), String(count)])
  await once(child, 'message')
  return async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}
