import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../bench.js'
import { type Check, full } from '../check.js'
import { failsToLaunch } from '../failing-launch.js'
import { needsFeature } from '../needs-feature.js'
import { encodeSpec, makeSpec, SLEEP } from '../spec.js'
import { segmentName, spoolPath } from '../spool-files.js'
import { spooledTask } from './spool.js'

const SPOOL = { maxBytes: 16_384, segmentBytes: 4_096, sync: 'none' }

const WRONG_SPOOLS: readonly unknown[] = [
  'yes',
  { ...SPOOL, maxBytes: 8_191 },
  { ...SPOOL, segmentBytes: 4_095 },
  { ...SPOOL, segmentBytes: 8_193 },
  { ...SPOOL, sync: 'always' },
  { maxBytes: 16_384, segmentBytes: 4_096 },
]

/** What the feature `spool` does if something is in its way. */
export const spoolFailureChecks: readonly Check[] = [
  full('a file that cannot be made is reported, and the child goes on', 'W-137 D-62', async (bench) => {
    await needsFeature(bench, 'spool')
    const { client, directory } = await spooledTask(bench, 'read go; head -c 5000 /dev/zero | tr "\\0" a; exit 3')
    await client.call('subscribe')
    const inTheWay = join(directory, segmentName(1, 4_096))
    symlinkSync(bench.beside('target'), inTheWay)
    await client.call('writeStream', { streamId: 0, data: '\n' })
    const { exitStatus, streams } = await client.ended()
    assert.equal(exitStatus?.exitCode, 3, 'exit code of the child')
    assert.match(streams[1].error ?? 'none', /^spool: /, 'error of stdout')
    assert.match((await client.event('streamError')).message, /^spool: /, 'message of streamError')
    assert.equal(streams[1].endOffset, 5_000, 'endOffset')
    assert.equal((await client.whole()).toString(), 'a'.repeat(5_000), 'the output, in a file and in memory')
    assert.equal(existsSync(bench.beside('target')), false, 'the file that a link names was made')

    unlinkSync(inTheWay)
    await client.call('restart')
    await client.call('writeStream', { streamId: 0, data: '\n' })
    const again = await client.call('waitExit', { run: 2, waitMs: 10_000 })
    assert.equal(again.done, true, 'done of the second run')
    const { error, endOffset } = (await client.info()).streams[1]
    assert.deepEqual(
      { error, endOffset },
      { error: null, endOffset: 10_000 },
      'error and endOffset after the second run',
    )
    const starts = readdirSync(directory).filter((name) => name > segmentName(1, 4_095) && name.startsWith('1.'))
    assert.notDeepEqual(starts, [], 'files of the second run')
  }),

  full('the directory of another task is left alone, and fails the launch', 'D-60', async (bench) => {
    await needsFeature(bench, 'spool')
    const taskId = 'ab'.repeat(16)
    mkdirSync(spoolPath(bench, taskId))
    writeFileSync(join(spoolPath(bench, taskId), segmentName(1, 0)), 'mine')
    const launch = bench.launch({ exec: [...SLEEP], taskId, spool: SPOOL as never, needs: ['spool'] })
    await launch.stderrEnd()
    assert.match(launch.stderr, /BGTASK_ERROR=.*"NAME_TAKEN"/, 'the error of the launch')
    await launch.exit()
    assert.deepEqual(bench.files(), [`${taskId}.d`], 'names in the directory')
    assert.deepEqual(readdirSync(spoolPath(bench, taskId)), [segmentName(1, 0)], 'names in the directory of the output')
  }),

  full('the files go with the supervisor and with a failed launch, and others stay', 'D-66 D-7', async (bench) => {
    await needsFeature(bench, 'spool')
    const failing = { exec: ['no-such-program-anywhere'], spool: SPOOL as never, needs: ['spool'] }
    await failsToLaunch(bench, bench.launch(failing), 'a program that does not exist')
    for (const others of [[], ['notes.txt']]) {
      const { client, directory } = await spooledTask(bench, 'seq 1 5000; echo err >&2')
      await client.ended()
      for (const name of others) writeFileSync(join(directory, name), 'mine')
      await client.call('terminate')
      await client.closedBySupervisor()
      assert.deepEqual(existsSync(directory) ? readdirSync(directory) : [], others, 'what is left in the directory')
      assert.equal(existsSync(directory), others.length > 0, 'whether the directory is there')
    }
  }),

  full('the files stay if a stop left survivors', 'D-10', async (bench) => {
    await needsFeature(bench, 'spool')
    const { client, directory } = await spooledTask(bench, 'trap "" TERM; echo ready; while :; do sleep 0.1; done')
    await client.text(/ready/)
    await client.call('terminate', { steps: [{ killSignal: 'SIGTERM', waitMs: 50 }] })
    await client.closedBySupervisor()
    assert.ok(existsSync(join(directory, segmentName(1, 0))), 'the output of a task that still runs is gone')
  }),

  full('a wrong spool fails the launch', 'L-14', async (bench) => {
    await needsFeature(bench, 'spool')
    for (const spool of WRONG_SPOOLS) await failsWith(bench, spool)
    await bench.nothingLeft('specs that must fail the launch')
  }),
]

async function failsWith(bench: Bench, spool: unknown): Promise<void> {
  const launch = bench.start().give(encodeSpec({ ...makeSpec(bench.path, { needs: ['spool'] }), spool }))
  await launch.stderrEnd()
  assert.equal(launch.readyPid(), undefined, `the pid of a ready line, with spool ${JSON.stringify(spool)}`)
  await launch.exit()
}
