import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type Check, full, should } from '../check.js'
import { sh } from '../spec.js'
import { until } from '../waiting.js'

/** What the launcher, and so a terminal or a service manager, sees of a task in the foreground. */
export const foregroundChecks: Check[] = [
  full('in the foreground its stdout and stderr get all that the child writes', 'L-46 L-49', async (bench) => {
    const script = 'echo first; echo a word >&2; seq 1 200000; echo last; echo last word >&2'
    const launch = bench.launch({ exec: sh(script) }, { behavior: 'foreground' })
    const client = await bench.connect(await launch.ready())
    await client.ended()
    await client.call('terminate')
    await Promise.all([launch.stdoutEnd(), launch.stderrEnd()])
    const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 2 ** 24 })
    assert.equal(launch.stdout.length, stdout.length, 'the bytes on stdout')
    assert.equal(launch.stdout, stdout, 'the bytes on stdout')
    assert.match(launch.stderr, /^DAEMON_PID=\d+\n[\s\S]*^a word\n[\s\S]*^last word\n/m, 'the words on stderr')
  }),

  full('a launcher that takes nothing in the foreground holds up the child for 5 s at most', 'L-47', async (bench) => {
    const launch = bench.launch({ exec: sh('head -c 20000000 /dev/zero; exec sleep 1000') }, { behavior: 'foreground' })
    const client = await bench.connect(await launch.ready())
    launch.process.stdout?.pause()
    await until(async () => {
      const info = await client.info()
      return info.streams[1].endOffset === 20_000_000
    }, 'the supervisor has read 20,000,000 bytes of stdout, though nobody takes them')
  }),

  should(
    full('a launcher in the foreground is told how many bytes it missed', 'L-47', async (bench) => {
      const script = 'head -c 2000000 /dev/zero; read line; echo last; exec sleep 1000'
      const launch = bench.launch({ exec: sh(script) }, { behavior: 'foreground' })
      const client = await bench.connect(await launch.ready())
      launch.process.stdout?.pause()
      await until(async () => (await client.info()).streams[1].endOffset === 2_000_000, 'all output is read')
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

  full('what was read is written in the foreground before the supervisor exits', 'L-49', async (bench) => {
    const bytes = 400_000
    const launch = bench.launch({ exec: sh(`head -c ${bytes} /dev/zero`) }, { behavior: 'foreground' })
    const client = await bench.connect(await launch.ready())
    launch.process.stdout?.pause()
    await until(async () => (await client.info()).streams[1].endOffset === bytes, 'all output is read')
    await client.call('terminate')
    launch.process.stdout?.resume()
    await launch.stdoutEnd()
    assert.equal(launch.stdout.length, bytes, 'bytes on stdout')
  }),

  full('a launcher that reads no more in the foreground ends nothing', 'L-48', async (bench) => {
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
