import { Cause, Data, Exit } from "effect"

/** Wrong usage, as in BSD's sysexits (`EX_USAGE`). */
export const exitCodeUsage = 64
/** A fault of netsplit itself (`EX_SOFTWARE`); never 1 or 2, which are answers. */
export const exitCodeSoftware = 70

/** The command line asks for something that does not exist: one line that says what, and what to do. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/**
 * What was asked for was done and told on stdout, and the answer is not success.
 *
 * Exit codes: 1 means not as expected, 2 means unknown.
 */
export class NotAsExpected extends Data.TaggedError("NotAsExpected")<{ readonly exitCode: 1 | 2 }> {}

/** The exit code for what a command failed with: anything unknown is a fault of netsplit. */
export const exitCodeOfError = (error: unknown): number => {
  if (error instanceof NotAsExpected) return error.exitCode
  return error instanceof UsageError ? exitCodeUsage : exitCodeSoftware
}

/** The exit code for how a command ended. */
export const exitCodeOfExit = (exit: Exit.Exit<unknown, unknown>): number =>
  Exit.isSuccess(exit) ? 0 : exitCodeOfError(Cause.squash(exit.cause))
