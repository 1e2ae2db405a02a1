import { mkdirSync, writeFileSync } from 'node:fs'

/** Writes each growth as a small SVG. @returns whether it could: vega is installed by install.sh. */
export async function writePlots(growths, directory) {
  let vega
  let vegaLite
  try {
    vega = await import('vega')
    vegaLite = await import('vega-lite')
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    return false
  }
  mkdirSync(directory, { recursive: true })
  // A peer that is missing in one plot does not change the colours of the others.
  const colors = [...new Set(growths.flatMap(({ points }) => points.map(({ series }) => series)))]
  for (const growth of growths) {
    const { spec } = vegaLite.compile(plotOf(growth, colors))
    const svg = await new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
    writeFileSync(new URL(`${growth.file}.svg`, directory), `${svg}\n`)
  }
  return true
}

/** Ours is drawn thicker; an axis whose values span more than a decade is logarithmic. */
function plotOf({ title, x, y, points }, colors) {
  const axis = (field, name, nice) => {
    const values = points.map((point) => point[field])
    return { field, type: 'quantitative', title: name, scale: { type: scaleFor(values), nice } }
  }
  const names = colors.filter((name) => points.some(({ series }) => series === name))
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: names.map((name) => COLORS[colors.indexOf(name) % COLORS.length]) },
    legend: names.length > 1 ? { labelLimit: 0 } : null,
  }
  const ours = { test: "datum.series === 'bgtask'", value: 3 }
  return {
    width: 360,
    height: 220,
    background: 'white',
    title,
    data: { values: points },
    mark: { type: 'line', point: true },
    encoding: { x: axis('x', x, false), y: axis('y', y, true), color, strokeWidth: { condition: ours, value: 1.5 } },
  }
}

const COLORS = ['#1f77b4', '#ff7f0e', '#d62728', '#17becf', '#2ca02c', '#bcbd22', '#9467bd', '#7f7f7f']

/** Logarithms have no zero; near it `symlog` is linear. */
function scaleFor(values) {
  const least = Math.min(...values.filter((value) => value > 0))
  if (Math.max(...values) <= 10 * least) return 'linear'
  return values.includes(0) ? 'symlog' : 'log'
}
