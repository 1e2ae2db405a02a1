const SVG = 'http://www.w3.org/2000/svg'

/** Paths in a 16 by 16 box. */
const PATHS = {
  clock: 'M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 0 0 0-12.5M8 4.5V8l2.25 1.75',
  download: 'M8 2v8.5M4.75 7.5 8 10.75l3.25-3.25M2.5 13.75h11',
  link: 'M6.5 9.5l3-3M7.25 4.75l1.5-1.5a2.83 2.83 0 0 1 4 4l-1.5 1.5M8.75 11.25l-1.5 1.5a2.83 2.83 0 0 1-4-4l1.5-1.5',
  panel: 'M3 2.5h10a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1M10 2.5v11',
  back: 'M9.5 3 4.5 8l5 5',
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M3.5 10 8 5.5l4.5 4.5',
  down: 'M3.5 6 8 10.5 12.5 6',
} as const

export type IconName = keyof typeof PATHS

/** Creates an icon in the text's colour. It is hidden from screen readers: the button has a label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add('icon')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', PATHS[name])
  svg.append(path)
  return svg
}
