import { Option } from "effect"
import { Flag } from "effect/cli"

const parseInteger = (word: string, min: number): Option.Option<number> => {
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  return Number.isSafeInteger(value) && value >= min ? Option.some(value) : Option.none()
}

/** A flag whose value is a whole number, at least `min`. */
export const integerFlag = (name: string, min: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("N"),
    Flag.filterMap(
      (word) => parseInteger(word, min),
      () => `a whole number from ${min} to 2^53 − 1`,
    ),
  )
