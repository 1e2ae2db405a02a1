import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type Check, full, should } from '../check.js'
import { sh } from '../spec.js'
import { until } from '../waiting.js'

/** What the launcher, and so a terminal or a service manager, sees of a task in the foreground. */
export const foregroundChecks: Check[] = [
  full(
    'in the foreground everything that the child writes is written to stdout and stderr',
    'L-46 L-49',
    async (bench) => {
      const script = 'echo first; echo a word >&2; seq 1 100000; echo last; echo last word >&2'
      const launch = bench.launch({ exec: sh(script) }, { behavior: 'foreground' })
      const client = await bench.connect(await launch.ready())
      await client.ended()
      await client.call('restart')
      await client.ended()
      await client.call('terminate')
      await Promise.all([launch.stdoutEnd(), launch.stderrEnd()])
      const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 2 ** 24 })
      assert.equal(launch.stdout.length, 2 * stdout.length, 'number of the bytes on stdout after two runs')
      assert.ok(launch.stdout === stdout + stdout, 'the bytes on stdout were changed')
      const words = /^DAEMON_PID=\d+\n([\s\S]*^a word\n[\s\S]*^last word\n){2}/m
      assert.match(launch.stderr, words, 'the text on stderr')
    },
  ),

  full('a foreground launcher that does not read blocks the child for 5 s at most', 'L-47', async (bench) => {
    const launch = bench.launch({ exec: sh('head -c 20000000 /dev/zero; exec sleep 1000') }, { behavior: 'foreground' })
    const client = await bench.connect(await launch.ready())
    launch.process.stdout?.pause()
    const last = await client.call('readStream', { streamId: 1, from: 19_999_999, waitMs: 10_000 })
    assert.equal(
      last.endOffset,
      20_000_000,
      'bytes of stdout that the supervisor has read, though no process takes them',
    )
  }),

  should(
    full('a foreground launcher is shown how many bytes were skipped', 'L-47', async (bench) => {
      const script = 'head -c 2000000 /dev/zero; read line; echo last; exec sleep 1000'
      const launch = bench.launch({ exec: sh(script) }, { behavior: 'foreground' })
      const client = await bench.connect(await launch.ready())
      launch.process.stdout?.pause()
      const { endOffset } = await client.call('readStream', { streamId: 1, from: 1_999_999, waitMs: 10_000 })
      assert.equal(endOffset, 2_000_000, 'bytes of stdout that the supervisor has read')
      launch.process.stdout?.resume()
      const [note, count] = await until(
        () => /\n\[bgtask: (\d+) bytes were not shown\]\n/.exec(launch.stdout),
        'the note of the bytes that were skipped',
      )
      await client.call('writeStream', { streamId: 0, data: Buffer.from('\n') })
      await until(() => launch.stdout.includes('last\n'), 'the output behind the note')
      assert.equal(
        launch.stdout.length - note.length - 'last\n'.length + Number(count),
        2_000_000,
        'bytes that were shown and bytes that were not',
      )
    }),
  ),

  full('a foreground supervisor writes what it has read before it exits', 'L-49', async (bench) => {
    const bytes = 400_000
    const launch = bench.launch({ exec: sh(`head -c ${bytes} /dev/zero`) }, { behavior: 'foreground' })
    const client = await bench.connect(await launch.ready())
    launch.process.stdout?.pause()
    await client.call('readStream', { streamId: 1, from: bytes - 1, waitMs: 10_000 })
    await client.call('terminate')
    launch.process.stdout?.resume()
    await launch.stdoutEnd()
    assert.equal(launch.stdout.length, bytes, 'bytes on stdout')
  }),

  full('the task continues if a foreground launcher closes stdout and stderr', 'L-48', async (bench) => {
    const launch = bench.launch(
      { exec: sh('while read line; do echo $line; echo $line >&2; done') },
      { behavior: 'foreground' },
    )
    const client = await bench.connect(await launch.ready())
    launch.process.stdout?.destroy()
    launch.process.stderr?.destroy()
    for (const line of ['one', 'two', 'three']) {
      await client.call('writeStream', { streamId: 0, data: Buffer.from(`${line}\n`) })
      for (const streamId of [1, 2] as const) await client.text(new RegExp(line), streamId)
    }
    assert.equal((await client.info()).state, 'running')
  }),
]
