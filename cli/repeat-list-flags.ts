/** Flags that take a list: `--corpus a b c` means what `--corpus a --corpus b --corpus c` means. */
const listFlags: ReadonlySet<string> = new Set(["--corpus", "--expected", "--reading", "--allow-ip"])

/**
 * Gives each value of a list flag a flag of its own, since the parser takes one value for each flag. A list
 * ends at the next word that begins with `-`.
 */
export const repeatListFlags = (argv: readonly string[]): readonly string[] => {
  const words: string[] = []
  let flag: string | undefined
  let isFirst = false
  for (const word of argv) {
    if (word.startsWith("-")) {
      flag = listFlags.has(word) ? word : undefined
      isFirst = true
    } else if (flag !== undefined && !isFirst) {
      words.push(flag)
    } else {
      isFirst = false
    }
    words.push(word)
  }
  return words
}
