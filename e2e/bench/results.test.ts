import { describe, expect, test } from 'vitest'
import { Cannot, interleave, within } from '../../bench/peers/lib/measure.mjs'
import { type Growth, type Result, type Row, resultsText } from '../../bench/peers/report/results.mjs'

const OURS = { id: 'bgtask', title: 'bgtask', how: 'a pool', installed: '1' }
const OTHER = { id: 'other', title: 'Other', how: 'its API', installed: '2' }
const ABSENT = { id: 'absent', title: 'Absent', how: 'by hand' }

describe('results', () => {
  test('results have medians, the middle half, samples and ratios', () => {
    const text = textOf({ unit: 'ms', ours: { samples: [3, 1, 2, 5, 4] }, theirs: { samples: [60, 20, 10] } })
    expect(text).toContain('| bgtask | 3 ms | 2 ms to 4 ms | 5 |  |')
    expect(text).toContain('| Other | 20 ms | 10 ms to 60 ms | 3 | 6.67 × |')
  })

  test.each<[string, Partial<Row>, Result, Result, string]>([
    ['faster', { unit: 'ms' }, { samples: [2] }, { samples: [1] }, '- Work: 2 ms; better: Other 1 ms.'],
    ['slower', { unit: 'ms' }, { samples: [1] }, { samples: [2] }, 'Nowhere in this run.'],
    [
      'more',
      { unit: 'MiB/s', more: true },
      { samples: [1] },
      { samples: [2] },
      '- Work: 1 MiB/s; better: Other 2 MiB/s.',
    ],
    ['able', { unit: 'ms' }, { failed: 'no' }, { samples: [2] }, '- Work: failed: no; better: Other 2 ms.'],
    ['yes to our no', { unit: 'yes/no' }, { value: false }, { value: true }, '- Work: **no**; better: Other yes.'],
    ['unable', { unit: 'ms' }, { samples: [1] }, { cannot: 'has no stop' }, 'Nowhere in this run.'],
  ])('list as a miss of ours where another is %s', (_, row, ours, theirs, line) => {
    expect(sectionOf(textOf({ ...row, ours, theirs }), 'Where bgtask is behind')).toBe(line)
  })

  test.each<[number, string]>([
    [1.2, '| Stop a tree of 7 processes: time | 1.2 × tmux | at most 1.2 × | met |'],
    [1.21, '| Stop a tree of 7 processes: time | 1.21 × tmux | at most 1.2 × | **missed** |'],
  ])('compare bgtask at %d times the time of a peer with what is promised', (ours, line) => {
    const title = 'Stop a tree of 7 processes: time'
    const results = { bgtask: { samples: [ours] }, tmux: { samples: [1] } }
    const text = textOf({ title, unit: 'ms', ours: { samples: [] }, theirs: { samples: [] }, results })
    expect(sectionOf(text, 'Promises')).toContain(line)
  })

  test('results list what a peer cannot do, what failed and what is not installed', () => {
    const text = textOf({ unit: 'ms', ours: { failed: 'it broke' }, theirs: { cannot: 'has no stop' } })
    expect(text).toContain('| bgtask | failed: it broke |')
    expect(text).toContain('| Other | cannot: has no stop |')
    expect(text).toContain('| Absent | not installed |')
    expect(text).toContain('| Absent | not installed (see `bench/peers/install.sh`) | by hand |')
  })

  test('hold growth as a table under its plot, with a gap where nothing was measured', () => {
    const points = [
      { series: 'bgtask', x: 1, y: 2.345 },
      { series: 'bgtask', x: 300, y: 1234.5 },
      { series: 'Other', x: 1, y: 0 },
    ]
    const growth = {
      file: 'memory',
      title: 'Memory',
      x: 'tasks',
      y: 'MiB',
      points,
      notes: ['Other failed at 300 tasks'],
    }
    const text = textOf({ unit: 'ms', ours: { samples: [1] }, theirs: { samples: [1] }, growth })
    expect(text).toContain('![Memory](plots/memory.svg)')
    expect(text).toContain('| bgtask | 2.35 | 1235 |\n| Other | 0 |  |\n\nOther failed at 300 tasks.')
  })
})

describe('samples', () => {
  test('samples are taken in turn, and each round begins with another peer', async () => {
    const order: string[] = []
    await interleave([OURS, OTHER], 3, async ({ id }) => order.push(id))
    expect(order).toEqual(['bgtask', 'other', 'other', 'bgtask', 'bgtask', 'other'])
  })

  test.each([
    [new Cannot('has none'), { cannot: 'has none' }],
    [new Error('broke\nat once'), { failed: 'broke' }],
  ])('of a peer that ends with %s are not asked for again', async (error, result) => {
    let asked = 0
    const results = await interleave([OURS, OTHER], 3, async ({ id }) => {
      if (id === 'bgtask') return 1
      asked += 1
      throw error
    })
    expect(asked).toBe(1)
    expect(results.get('other')).toEqual(result)
    expect(results.get('bgtask')).toEqual({ samples: [1, 1, 1] })
  })

  test('are not waited for without end', async () => {
    await expect(within(1, 'stop', () => new Promise(() => {}))).rejects.toThrow('stop took more than 0.001 s')
  })
})

function textOf({ ours, theirs, growth, ...row }: Partial<Row> & { ours: Result; theirs: Result; growth?: Growth }) {
  return resultsText({
    command: 'pnpm bench:peers',
    machine: 'a machine',
    seconds: { work: 100 },
    loads: [0, 1],
    peers: [OURS, OTHER, ABSENT],
    rows: [
      {
        title: 'Work',
        unit: '',
        results: { bgtask: ours, other: theirs },
        ...row,
      },
    ],
    growths: growth === undefined ? [] : [growth],
    plotted: true,
  })
}

function sectionOf(text: string, title: string): string | undefined {
  return text
    .split(/^## /m)
    .find((section) => section.startsWith(`${title}\n`))
    ?.slice(title.length)
    .trim()
}
