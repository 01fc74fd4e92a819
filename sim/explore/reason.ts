/** Whether two failures are one and the same, but for names, ids and counts. */
import type { Failure } from "./run-plan.ts"

/** Verdicts that say by their cause and shape what went wrong: their sentences are of the run at hand. */
const toldByCause: ReadonlySet<string> = new Set(["agree", "no-reset"])

/** What keeps servers from having the same events, by the words that tell of it; the first is why the others are. */
const standing = ["misses", "waits for", "EDUs for"]
const toldByWord: ReadonlySet<string> = new Set(["live", "core-live"])

/** Ids that were drawn: of transactions, devices, keys. */
const opaque = /(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z\d])[\w-]{12,}/g

const withoutNames = (why: string): string =>
  (why.split("; ")[0] ?? "")
    .replaceAll(/[$!@][\w+/=:.-]+/g, "#")
    .replaceAll(opaque, "#")
    .replaceAll(/\bs\d+\b/g, "#")
    .replaceAll(/\ba\d+\b|\d+/g, "#")
    .replace(/, and # more$/, "")

/** Why a check failed, in general. */
export const reasonOf = ({ check, cause, shape, why }: Failure): string =>
  [check, cause ?? "", shape ?? "", toldByCause.has(check) ? "" : saidOf(check, why)].join(" | ")

const saidOf = (check: string, why: string): string =>
  (toldByWord.has(check) ? standing.find((word) => why.includes(word)) : undefined) ?? withoutNames(why)

/**
 * Whether a run fails for that reason. What it said before it was cut off does not count: it would have said more,
 * unless that it does not come to an end is the reason.
 */
export const failsFor = (
  reason: string,
  failures: readonly { readonly check: string; readonly reason: string }[],
): boolean =>
  failures.some((failure) => failure.reason === reason) &&
  (isEndless(reason) || failures.every(({ check }) => check !== endless))

const endless = "comes-to-an-end"
/** Whether the reason is that a run takes more steps than it may: then it must not be given more than it was. */
export const isEndless = (reason: string): boolean => reason.startsWith(endless)

type Told = Pick<Failure, "check" | "why" | "shape">

/** The failure that a case is of, among those of a run: it may have been told in other words by other code. */
export const failureOfCase = <F extends Told>(
  { check, why, shape }: Told,
  failures: readonly F[],
): F | undefined => {
  const ofCheck = failures.filter((failure) => check === "" || failure.check === check)
  return (
    ofCheck.find((failure) => failure.why === why) ??
    ofCheck.find((failure) => failure.shape === shape) ??
    ofCheck[0]
  )
}
