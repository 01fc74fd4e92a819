/** The code checks itself: `node .ci/tidy.ts` names every place that breaks a rule of tidy-rules.ts. */
import { listFiles, readText } from "./source-files.ts"
import { type Token, tokenise } from "./source-tokens.ts"
import {
  allowances,
  type BannedCall,
  bannedCalls,
  type Group,
  linesMax,
  longFiles,
  sourceTextRules,
  type TextRule,
  textRules,
} from "./tidy-rules.ts"

/** Whether `group` is allowed in the file. */
const isAllowed = (path: string, group: Group): boolean =>
  allowances.some(
    (allowance) =>
      allowance.groups.includes(group) &&
      (typeof allowance.path === "string"
        ? path === allowance.path || (allowance.path.endsWith("/") && path.startsWith(allowance.path))
        : allowance.path.test(path)),
  )

const stands = (token: Token | undefined, text: string): boolean =>
  token !== undefined && token.kind !== "text" && token.text === text

const isCallAt = (tokens: readonly Token[], index: number, call: BannedCall): boolean =>
  call.tokens.every((text, offset) => stands(tokens[index + offset], text)) &&
  !call.unlessAfter?.some((text) => stands(tokens[index - 1], text)) &&
  !call.unlessBefore?.some((text) => stands(tokens[index + call.tokens.length], text))

const findBannedCalls = (path: string, tokens: readonly Token[]): readonly string[] => {
  const calls = bannedCalls.filter(({ group }) => !isAllowed(path, group))
  return tokens.flatMap(({ line }, index) =>
    calls
      .filter((call) => isCallAt(tokens, index, call))
      .map(
        (call) =>
          `${path}:${line}: ${call.tokens.join("").replace(/^new/, "new ")} is ambient; use ${call.instead}`,
      ),
  )
}

const testWords: ReadonlySet<string> = new Set(["test", "it", "describe", "suite"])

/** The word that a chain such as `it.effect.each` begins with. */
const chainStart = (tokens: readonly Token[], index: number): string => {
  let start = index
  while (stands(tokens[start - 1], ".")) start -= 2
  return tokens[start]?.text ?? ""
}

const findLoosened = (path: string, tokens: readonly Token[]): readonly string[] =>
  tokens.flatMap((token, index) => {
    if (token.kind !== "word") return []
    if (token.text === "as" && stands(tokens[index + 1], "any")) {
      return [`${path}:${token.line}: as any silences the compiler; use a type guard`]
    }
    const isMarked = /^(only|skip|fails|todo)$/.test(token.text) && stands(tokens[index - 1], ".")
    return isMarked && testWords.has(chainStart(tokens, index))
      ? [`${path}:${token.line}: .${token.text} leaves tests out; remove it`]
      : []
  })

const findText = (path: string, text: string, rules: readonly TextRule[]): readonly string[] =>
  text
    .split("\n")
    .flatMap((line, index) =>
      rules
        .filter(({ pattern }) => pattern.test(line))
        .map(({ message }) => `${path}:${index + 1}: ${message}`),
    )

const findShape = (path: string, text: string): readonly string[] => {
  const findings: string[] = []
  const name = path.slice(path.lastIndexOf("/") + 1)
  const word = "[a-z0-9]+(?:-[a-z0-9]+)*"
  if (!new RegExp(`^${word}(?:\\.${word})*$`).test(name)) findings.push(`${path}: name it in kebab-case`)
  const lines = text.split("\n").length - 1
  if (lines > linesMax && !path.endsWith(".test.ts") && !Object.hasOwn(longFiles, path)) {
    findings.push(
      `${path}: ${lines} lines, over ${linesMax}; split it by concern, or give the reason in longFiles`,
    )
  }
  return findings
}

/** What is untidy in one text file, as lines for people. `path`: from the root, with forward slashes. */
export const findUntidy = (path: string, text: string): readonly string[] => {
  const isWritten = !path.includes("/fixtures/") && path !== "package-lock.json"
  const findings = [...findText(path, text, isWritten ? [...textRules, ...sourceTextRules] : textRules)]
  if (!path.endsWith(".ts")) return findings
  const tokens = tokenise(text)
  return [
    ...findings,
    ...findShape(path, text),
    ...findBannedCalls(path, tokens),
    ...findLoosened(path, tokens),
  ]
}

if (import.meta.main) {
  const findings = listFiles().flatMap((path) => {
    const text = readText(path)
    return text === undefined ? [] : findUntidy(path, text)
  })
  for (const finding of findings) console.error(finding)
  if (findings.length > 0) process.exitCode = 1
}
