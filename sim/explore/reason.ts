/** Whether two failures are one and the same, but for names, ids and counts. */
import type { Failure } from "./run-plan.ts"

/** Verdicts that say by their cause and shape what went wrong: their sentences are of the run at hand. */
const toldByCause: ReadonlySet<string> = new Set(["agree", "live", "core-live", "no-reset"])

const withoutNames = (why: string): string =>
  (why.split("; ")[0] ?? "")
    .replaceAll(/[$!@][\w+/=:.-]+/g, "#")
    .replaceAll(/\bs\d+\b/g, "#")
    .replaceAll(/\ba\d+\b|\d+/g, "#")
    .replace(/, and # more$/, "")

/** Why a check failed, in general. */
export const reasonOf = ({ check, cause, shape, why }: Failure): string =>
  [check, cause ?? "", shape ?? "", toldByCause.has(check) ? "" : withoutNames(why)].join(" | ")
