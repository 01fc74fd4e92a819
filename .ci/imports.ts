/** Which files and packages a source imports, and how. */
import { posix } from "node:path"
import { type Token, tokenise } from "./source-tokens.ts"

export interface Import {
  /** As written. */
  readonly specifier: string
  /** The file from the root, where the specifier is relative or begins with `#`; else undefined. */
  readonly target: string | undefined
  /** `type`: erased before it runs; `lazy`: `import(…)` in the middle of a function. */
  readonly form: "value" | "type" | "lazy"
  readonly line: number
}

const isSign = (token: Token | undefined, text: string): boolean =>
  token?.kind === "sign" && token.text === text
const isWord = (token: Token | undefined, text: string): boolean =>
  token?.kind === "word" && token.text === text

const resolveTarget = (path: string, specifier: string): string | undefined => {
  if (specifier.startsWith("#")) return specifier.slice(1)
  return specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined
}

/** The index of the specifier of the statement that begins at `start`, or undefined where it names none. */
const findSpecifier = (tokens: readonly Token[], start: number): number | undefined => {
  if (tokens[start + 1]?.kind === "text") return start + 1
  let index = start + 1
  if (isWord(tokens[index], "type")) index++
  if (isWord(tokens[start], "export") && !isSign(tokens[index], "{") && !isSign(tokens[index], "*"))
    return undefined
  for (; index < tokens.length; index++) {
    if (isWord(tokens[index], "from") && tokens[index + 1]?.kind === "text") return index + 1
    const token = tokens[index]!
    const goesOn = token.kind === "word" || ["{", "}", ",", "*"].includes(token.text)
    if (!goesOn) return undefined
    if (isSign(token, "}") && !isWord(tokens[index + 1], "from")) return undefined
  }
  return undefined
}

/** Every import and re-export of a source, in order. `path`: its own, from the root. */
export const findImports = (path: string, source: string): readonly Import[] => {
  const tokens = tokenise(source)
  return tokens.flatMap((token, index): readonly Import[] => {
    const isStatement = isWord(token, "import") || isWord(token, "export")
    if (!isStatement || isSign(tokens[index - 1], ".")) return []
    const isLazy = isWord(token, "import") && isSign(tokens[index + 1], "(")
    const at = isLazy ? index + 2 : findSpecifier(tokens, index)
    const specifier = at === undefined ? undefined : tokens[at]
    if (specifier?.kind !== "text") return []
    const second = tokens[index + 2]
    const isType = isWord(tokens[index + 1], "type") && !isWord(second, "from") && !isSign(second, ",")
    return [
      {
        specifier: specifier.text,
        target: resolveTarget(path, specifier.text),
        form: isLazy ? "lazy" : isType ? "type" : "value",
        line: token.line,
      },
    ]
  })
}
