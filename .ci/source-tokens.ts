/** TypeScript source as the words that count: comments and white space are gone, strings are told apart. */
import { SyntaxKind } from "typescript/unstable/ast"
import { createScanner, type Scanner } from "typescript/unstable/ast/scanner"

export interface Token {
  /** `word`: identifier or keyword; `text`: string or piece of a template; `sign`: all else. */
  readonly kind: "word" | "text" | "sign"
  /** As written; of a `text` what it stands for, without quotes. */
  readonly text: string
  /** Counted from 1. */
  readonly line: number
}

const textKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
])

/** After these a slash divides; after anything else it begins a regular expression. */
const endsOperand = (previous: Token | undefined): boolean => {
  if (previous === undefined) return false
  if (previous.kind === "text") return true
  if (previous.kind === "word")
    return !/^(return|typeof|case|of|in|do|else|yield|await|void)$/.test(previous.text)
  return /^([)\]}]|\d.*)$/.test(previous.text)
}

/** Reads one token; the scanner itself cannot know a division from a pattern, nor where a template goes on. */
const scanToken = (scanner: Scanner, previous: Token | undefined, openTemplates: number[]): SyntaxKind => {
  const kind = scanner.scan()
  if (kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) {
    return endsOperand(previous) ? kind : scanner.reScanSlashToken()
  }
  if (kind === SyntaxKind.TemplateHead) openTemplates.push(0)
  const depth = openTemplates.at(-1)
  if (depth === undefined) return kind
  if (kind === SyntaxKind.OpenBraceToken) openTemplates[openTemplates.length - 1] = depth + 1
  if (kind !== SyntaxKind.CloseBraceToken) return kind
  if (depth > 0) {
    openTemplates[openTemplates.length - 1] = depth - 1
    return kind
  }
  const piece = scanner.reScanTemplateToken(false)
  if (piece === SyntaxKind.TemplateTail) openTemplates.pop()
  return piece
}

/** The tokens of one file, in order. */
export const tokenise = (source: string): readonly Token[] => {
  const scanner = createScanner(true, undefined, source)
  const tokens: Token[] = []
  const openTemplates: number[] = []
  let line = 1
  let counted = 0
  for (;;) {
    const kind = scanToken(scanner, tokens.at(-1), openTemplates)
    if (kind === SyntaxKind.EndOfFile) return tokens
    const start = scanner.getTokenStart()
    for (; counted < start; counted++) if (source.charCodeAt(counted) === 10) line++
    const isText = textKinds.has(kind)
    const text = isText ? scanner.getTokenValue() : scanner.getTokenText()
    const isWord = !isText && /^[\p{ID_Start}$_#]/u.test(text) && text !== "#"
    tokens.push({ kind: isText ? "text" : isWord ? "word" : "sign", text, line })
  }
}
