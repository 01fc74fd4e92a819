import { Flag } from "effect/cli"

/** `--json`: one object on stdout, for machines. */
export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object and nothing else"),
  Flag.withDefault(false),
)
