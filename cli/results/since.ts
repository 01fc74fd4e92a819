const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The instant that `90m`, `12h` or `7d` ago was, or that a date names; undefined where it is neither. */
export const parseSince = (word: string, nowTs: number): number | undefined => {
  const ago = /^(\d+)([mhd])$/.exec(word)
  if (ago !== null) return nowTs - Number(ago[1]) * unitsMs[ago[2]!]!
  const ts = /^\d{4}-\d\d-\d\d/.test(word) ? Date.parse(word) : Number.NaN
  return Number.isNaN(ts) ? undefined : ts
}
