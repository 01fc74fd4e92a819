/**
 * Keys are the same again and again: what was a key of some object need not be cut out of a text again, nor looked for among
 * all strings that are keys. Each has one place, by what it looks like, and keeps it until another one wants it.
 */
const places = 1_024
const unitsMax = 40
const ascii = /^[ -~]*$/
const known: string[] = Array(places).fill("")

/** The part of `text` from `start` to `end`, which is a key as it is written. */
export const keyAt = (text: string, start: number, end: number): string => {
  const length = end - start
  if (length === 0 || length > unitsMax) return text.slice(start, end)
  const middle = text.charCodeAt(start + (length >> 1))
  const look = length + text.charCodeAt(start) * 31 + middle * 67 + text.charCodeAt(end - 1) * 131
  const place = look & (places - 1)
  const before = known[place]!
  if (before.length === length && text.startsWith(before, start)) return before
  const part = text.slice(start, end)
  if (!ascii.test(part)) return part
  // Of a part of the text the whole would stay in memory.
  const key = Buffer.from(part, "latin1").toString("latin1")
  known[place] = key
  return key
}
