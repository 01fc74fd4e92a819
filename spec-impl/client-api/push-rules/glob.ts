/** Appendices §Glob-style matching, with as many steps as pattern and text are long. */

/** What a pattern is held against: all of a text, or any part of it that begins and ends at a word boundary. */
export type GlobScope = "whole" | "words"

const isWordSign = (sign: string | undefined): boolean => sign !== undefined && /^[a-z0-9_]$/.test(sign)

/** Whether the pattern matches, whatever the case: `*` stands for any signs or none, `?` for exactly one. */
export const globMatches = (pattern: string, text: string, scope: GlobScope): boolean => {
  const wanted = [...pattern.toLowerCase()]
  const given = [...text.toLowerCase()]
  const mayBegin = (at: number): boolean => at === 0 || (scope === "words" && !isWordSign(given[at - 1]))
  const mayEnd = (at: number): boolean => at === given.length || (scope === "words" && !isWordSign(given[at]))
  /** How much of the pattern may have been matched so far, by any way. */
  let reached = new Set<number>()
  for (let at = 0; at <= given.length; at++) {
    if (mayBegin(at)) reached.add(0)
    for (const done of reached) if (wanted[done] === "*") reached.add(done + 1)
    if (reached.has(wanted.length) && mayEnd(at)) return true
    const next = new Set<number>()
    for (const done of reached) {
      const sign = wanted[done]
      if (sign === "*") next.add(done)
      else if (sign !== undefined && at < given.length && (sign === "?" || sign === given[at]))
        next.add(done + 1)
    }
    reached = next
  }
  return false
}
