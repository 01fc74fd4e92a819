import { Context, Effect, Layer, Option } from "effect"
import { Flag, GlobalFlag } from "effect/cli"

/** The results database that commands write to and read unless told another; undefined: none is written. */
export class ResultsFile extends Context.Service<ResultsFile, { readonly filename: string | undefined }>()(
  "netsplit/cli/ResultsFile",
) {
  static readonly layer = (filename: string | undefined) => Layer.succeed(this, { filename })
}

/** `--results FILE` */
export const resultsFlag = GlobalFlag.Setting("results")({
  flag: Flag.String("results").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("The results database; NETSPLIT_RESULTS, or results/netsplit.sqlite, unless given"),
    Flag.optional,
  ),
})

/** `--no-record` */
export const noRecordFlag = GlobalFlag.Setting("no-record")({
  flag: Flag.Boolean("no-record").pipe(
    Flag.withDescription("Do not write the results database"),
    Flag.withoutNegation,
    Flag.withDefault(false),
  ),
})

/** The file that is read or written; undefined where there is none. */
export const resultsFilename = Effect.gen(function* () {
  const { filename } = yield* ResultsFile
  return Option.getOrElse(yield* resultsFlag, () => filename)
})
