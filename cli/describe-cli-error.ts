import type { CliError } from "effect/cli"

const suggest = (suggestions: readonly string[]): string =>
  suggestions.length > 0 ? `did you mean ${suggestions.join(" or ")}? ` : ""

/** One line about a command line that does not parse: what is wrong, and what to do. */
export const describeCliError = (
  error: CliError.NonShowHelpErrors,
  commandPath: readonly string[],
): string => {
  const help = `try '${commandPath.join(" ")} --help'`
  switch (error._tag) {
    case "UnknownSubcommand":
      return `unknown command "${error.subcommand}"; ${suggest(error.suggestions)}${help}`
    case "UnrecognizedOption":
      return `unknown flag ${error.option}; ${suggest(error.suggestions)}${help}`
    case "InvalidValue": {
      const name = error.kind === "argument" ? `<${error.option}>` : `--${error.option}`
      return error.value === ""
        ? `${name} wants ${error.expected}, but nothing follows it; ${help}`
        : `${name} wants ${error.expected}, not "${error.value}"`
    }
    case "UnexpectedArgument":
      return `unexpected "${error.arguments.join(" ")}"; ${help}`
    case "MissingArgument":
      return `<${error.argument}> is missing; ${help}`
    case "MissingOption":
      return `--${error.option} is missing; ${help}`
    default:
      return `${error.message.split("\n")[0]}; ${help}`
  }
}
