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
  for (const growth of growths) {
    const { spec } = vegaLite.compile(plotOf(growth))
    const svg = await new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
    writeFileSync(new URL(`${growth.file}.svg`, directory), `${svg}\n`)
  }
  return true
}

/** Ours is drawn thicker; both axes are logarithmic where values span more than a decade. */
function plotOf({ title, x, y, points }) {
  const axis = (field, name) => {
    const values = points.map((point) => point[field])
    const wide = Math.min(...values) > 0 && Math.max(...values) > 10 * Math.min(...values)
    return { field, type: 'quantitative', title: name, scale: wide ? { type: 'log' } : { zero: true } }
  }
  const many = new Set(points.map(({ series }) => series)).size > 1
  const ours = { test: "datum.series === 'bgtask'", value: 3 }
  return {
    width: 360,
    height: 220,
    background: 'white',
    title,
    data: { values: points },
    mark: { type: 'line', point: true },
    encoding: {
      x: axis('x', x),
      y: axis('y', y),
      strokeWidth: { condition: ours, value: 1.5 },
      ...(many ? { color: { field: 'series', type: 'nominal', title: null, sort: null } } : {}),
    },
  }
}
