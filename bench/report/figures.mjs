/** What is measured of a figure, by its id and the supervisor: `{ value, spread, detail }`. The limit is the native one's. */

/** Whether the native supervisor misses the figure, or, if it is of the other alone, that one does. */
export function hasMissed(figure, { native, node }) {
  const { value } = (figure.supervisors?.includes('native') === false ? node : native) ?? {}
  if (value === undefined) return false
  return figure.atMost === undefined ? value < figure.atLeast : value > figure.atMost
}

/** For bench/FIGURES.md. */
export function details(figures, results) {
  const lines = figures.map((figure) => {
    const { native, node } = results[figure.id]
    const verdict = hasMissed(figure, results[figure.id]) ? '**missed**' : 'met'
    return `| ${figure.title} | ${whole(native, figure)} | ${whole(node, figure)} | ${limit(figure)} | ${verdict} |`
  })
  return ['| figure | native supervisor | supervisor in Node.js | limit | |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  )
}

/** For docs/figures.md, which has the results alone. */
export function summary(figures, results) {
  const lines = figures.map((figure) => {
    const { native, node } = results[figure.id]
    const mark = hasMissed(figure, results[figure.id]) ? '**' : ''
    const ours = native ? `${mark}${format(native.value, figure)}${mark}` : ''
    const other = native || !mark ? format(node?.value, figure) : `${mark}${format(node.value, figure)}${mark}`
    return `| ${figure.title} | ${ours} | ${other} | ${limit(figure)} |`
  })
  return ['| figure | native supervisor | supervisor in Node.js | limit |', '|---|---|---|---|', ...lines].join('\n')
}

/** With its parts and the middle half of the samples. */
function whole(result, figure) {
  if (result === undefined) return ''
  const { value, spread, detail } = result
  const between = spread?.map((one) => format(one, figure)).join(' to ')
  const parts = [detail, between && `middle half ${between}`].filter(Boolean).join('; ')
  return `${format(value, figure)}${parts && ` (${parts})`}`
}

function format(value, { unit }) {
  if (value === undefined) return ''
  return `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)} ${unit}`
}

function limit({ atMost, atLeast, unit }) {
  return atMost === undefined ? `at least ${atLeast} ${unit}` : `at most ${atMost} ${unit}`
}
