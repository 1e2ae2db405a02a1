/** Set by `pnpm test:mutants`. */
const MAKES_ALL = process.env.BGTASK_MUTANTS === 'all'

/** So many mutants stand for all of a list: they prove the kit, not the product, and all of them take minutes. */
const STEP = 10

/** Every tenth mutant of a list, the first one included, or all of them. */
export function sample<Mutant>(mutants: readonly Mutant[]): readonly Mutant[] {
  return MAKES_ALL ? mutants : mutants.filter((_, index) => index % STEP === 0)
}
