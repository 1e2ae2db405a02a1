/** A deliberately broken build. */
export interface Mutant {
  /** What is wrong with it. */
  breaks: string
  /** Where, from the root, and what stands there, exactly once. */
  file: string
  search: string
  replace: string
  /** The tests that must notice: `lock.test.ts › title`, as it stands in the source. */
  fails: string[]
}

export const mutants: Mutant[]
