import assert from 'node:assert/strict'
import { isPlainObject } from '@bgtask/protocol'
import { type Check, core, full } from '../check.js'
import { SLEEP } from '../spec.js'

const ANOTHER = 'fedcba9876543210'

export const helloChecks: readonly Check[] = [
  full('hello returns the version and the methods', 'W-40', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { protocol, methods } = await client.call('hello', { protocol: 1, software: 'conformance' })
    assert.equal(protocol, 1)
    // Each of them is there: whatever it says to no parameters, it is not "unsupported".
    for (const method of methods.filter((name) => !['terminate', 'stop', 'restart'].includes(name))) {
      const code = await client.callAny(method).then(
        () => undefined,
        (error) => error.code,
      )
      assert.notEqual(code, 'ERR_BGTASK_UNSUPPORTED', method)
    }
    for (const method of ['getInfo', 'kill', 'stop', 'terminate', 'readStream', 'waitExit', 'subscribe']) {
      assert.ok(methods.includes(method), `${method} among ${methods}`)
    }
  }),

  core('a client of another task is rejected, with all requests behind its hello', 'W-41 W-42 W-43', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    raw.send(
      [0, 1, 'hello', [{ taskId: ANOTHER }]],
      [0, 2, 'kill', [{ killSignal: 'SIGKILL' }]],
      [0, 3, 'terminate', []],
    )
    for (;;) {
      const [, id, error] = await raw.message()
      if (id !== 1) continue
      assert.ok(isPlainObject(error), `an error for a hello of another task, not ${JSON.stringify(error)}`)
      assert.equal(error.code, 'ERR_BGTASK_TASK_GONE')
      assert.deepEqual(error.data, { taskId: ANOTHER })
      break
    }
    await raw.closed()
    // Time for the signal to have its effect.
    const after = await client.call('readStream', { streamId: 1, waitMs: 200 }).then(
      ({ eof }) => (eof ? 'ended' : 'runs'),
      () => 'ended with its supervisor',
    )
    assert.equal(after, 'runs', 'what became of the task')
  }),

  core('a client of this task, or of no named task, continues', 'W-41 W-44', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { taskId } = await client.info()
    for (const params of [{ taskId }, {}, { taskId, protocol: 1, somethingNew: true }]) {
      assert.equal((await client.call('hello', params)).taskId, taskId)
    }
    assert.equal((await client.info()).state, 'running')
    const { code } = await client.failure('hello', { taskId: ANOTHER }).catch((error) => error)
    assert.equal(code, 'ERR_BGTASK_TASK_GONE', 'code for a later hello of the same connection that means another task')
    await client.closedBySupervisor()
  }),

  full('hello and info list the same features, and a spec may need all of them', 'W-45', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { features } = await client.call('hello')
    assert.deepEqual((await client.info()).features, features)
    await bench.launch({ needs: features }).ready()
  }),
]
