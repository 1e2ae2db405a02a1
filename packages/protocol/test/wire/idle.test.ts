import { resolve } from 'node:path'
import { runNode } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { listen, peerOn, withResolvers } from '../support/connection.js'

test('a pending call keeps a program alive, an idle connection does not', async () => {
  const { path, accepted } = await listen()
  const asked = withResolvers<void>()
  const answer = withResolvers<string>()
  const program = runNode(resolve(import.meta.dirname, '../fixtures/idle-client.js'), [path])
  peerOn(await accepted(), {
    onRequest: () => {
      asked.resolve()
      return answer.promise
    },
  })
  await asked.promise
  answer.resolve('answer')
  expect(await program).toMatchObject({ exitCode: 0, stdout: 'answer' })
})
