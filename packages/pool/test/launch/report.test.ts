import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LaunchReport } from '../../src/launch/report.js'

function reportOf(...chunks: (string | Buffer)[]): LaunchReport {
  const report = new LaunchReport()
  for (const chunk of chunks) report.push(Buffer.from(chunk))
  return report
}

function ended(...chunks: string[]): LaunchReport {
  const report = reportOf(...chunks)
  report.end()
  return report
}

describe('the ready line', () => {
  test('is found in any chunks, after other lines', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(40)), (lines, cuts) => {
        const words = lines.map((line) => `${line.replaceAll('\n', '')}.\n`).join('')
        const bytes = Buffer.from(`${words}DAEMON_PID=4711\n`)
        const report = new LaunchReport()
        let start = 0
        for (const cut of cuts) {
          report.push(bytes.subarray(start, start + cut))
          start += cut
        }
        report.push(bytes.subarray(start))
        expect(report.pid).toBe(4711)
        expect(report.stderr).toBe(bytes.toString())
      }),
    )
  })

  test('is not believed before its end, since digits may be missing', () => {
    const report = reportOf('DAEMON_PID=47')
    expect(report.pid).toBeUndefined()
    report.push(Buffer.from('11\n'))
    expect(report.pid).toBe(4711)
  })

  test('needs no line feed where nothing follows', () => {
    expect(ended('DAEMON_PID=4711').pid).toBe(4711)
  })

  test.each([
    'DAEMON_PID=',
    'DAEMON_PID=0',
    'DAEMON_PID=12x',
    'DAEMON_PID=-1',
    ' DAEMON_PID=12',
    'DAEMON_PID=12345678901',
  ])('is not %j', (line) => {
    expect(reportOf(`${line}\n`).pid).toBeUndefined()
  })
})

describe('a failure', () => {
  test('is told in the words', () => {
    const error = ended('no such\n', 'luck: ü\n').failure({ exitCode: 3 })
    expect(error).toMatchObject({ code: 'ERR_BGTASK_LAUNCH', stderr: 'no such\nluck: ü\n', exitCode: 3 })
  })

  test('is the error that was named', () => {
    const line =
      'BGTASK_ERROR={"code":"ERR_BGTASK_LOCK_HELD","message":"held","data":{"lockfile":"/l","holder":{"pid":7}}}'
    const error = ended(`words before\n${line}\n`).failure()
    expect(error).toMatchObject({ code: 'ERR_BGTASK_LOCK_HELD', message: 'held', lockfile: '/l', holder: { pid: 7 } })
  })

  test('may name its facts beside code and message', () => {
    const line = 'BGTASK_ERROR={"code":"ERR_BGTASK_COMMAND","message":"no","command":"foo","reason":"not-found"}'
    expect(ended(line).failure()).toMatchObject({ code: 'ERR_BGTASK_COMMAND', command: 'foo', reason: 'not-found' })
  })

  test('of a code of its own is a LaunchError with that code in its words', () => {
    const error = ended('BGTASK_ERROR={"code":"E_MINE","message":"my reason"}\n').failure()
    expect(error).toMatchObject({
      code: 'ERR_BGTASK_LAUNCH',
      stderr: 'E_MINE: my reason',
      cause: { remoteCode: 'E_MINE' },
    })
  })

  test.each(['BGTASK_ERROR=', 'BGTASK_ERROR={"code":1}', 'BGTASK_ERROR={', 'BGTASK_ERROR=null', 'BGTASK_ERROR=[1]'])(
    'named as %j is told in the words',
    (line) => {
      expect(ended(line).failure()).toMatchObject({ code: 'ERR_BGTASK_LAUNCH', stderr: line })
    },
  )
})

test('of endless words the newest 64 KiB are kept, and a ready line among them is seen', () => {
  const report = new LaunchReport()
  for (let i = 0; i < 200; i++) report.push(Buffer.alloc(10_000, 'x'))
  report.push(Buffer.from('\nlast\n'))
  expect(report.stderr).toHaveLength(64 * 1024)
  expect(report.stderr.endsWith('\nlast\n')).toBe(true)
  report.push(Buffer.from('DAEMON_PID=5\n'))
  expect(report.pid).toBe(5)
})
