/** Written by `node sim/mutants/seek-main.ts --write`: by mutant the first seed in which its check finds it. */
export const seeds: Readonly<Record<string, number>> = {}
