/** Flags whose values are nobody's business afterwards. */
const secretFlags: ReadonlySet<string> = new Set(["--access-token"])

/** The password of a URL such as `postgres://user:password@host/name`. */
const passwordPattern = /(?<=:\/\/[^/:@]*):[^/@]*(?=@)/

const withoutSecret = (word: string, before: string | undefined): string => {
  if (before !== undefined && secretFlags.has(before)) return "…"
  const [flag] = word.split("=", 1)
  return word.includes("=") && secretFlags.has(flag!) ? `${flag}=…` : word.replace(passwordPattern, "")
}

const quote = (word: string): string =>
  /^[\w./:=,@%+…-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The command line as a shell takes it, with secrets left out. */
export const showCommandLine = (argv: readonly string[]): string =>
  ["./netsplit", ...argv.map((word, at) => quote(withoutSecret(word, argv[at - 1])))].join(" ")

/** The command line of a sweep with other seeds, and the same options. */
export const resumeLine = (line: string, left: string): string =>
  line.replace(/( --seeds[ =])\S+/, (_, flag: string) => flag + left)
