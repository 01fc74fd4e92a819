import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Scenario } from "#sim/world/scenario.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { Engine } from "./engine.ts"
import { jsonFlag } from "./json-flag.ts"
import { UsageError } from "./outcome.ts"
import { verdictNames } from "./run-json.ts"
import { layOutTable } from "./table.ts"

/** Neighbouring room versions that expect the same verdicts, such as `2–11`, with these verdicts. */
const expectations = (scenario: Scenario) => {
  const groups: { ids: string[]; verdicts: ReturnType<Scenario["expected"]> }[] = []
  for (const { id } of roomVersions) {
    const verdicts = scenario.expected(id)
    const last = groups.at(-1)
    if (last && verdictNames.every((name) => last.verdicts[name] === verdicts[name])) last.ids.push(id)
    else groups.push({ ids: [id], verdicts })
  }
  return groups.map(({ ids, verdicts }) => ({
    roomVersions: ids.length === 1 ? ids[0]! : `${ids[0]}–${ids.at(-1)}`,
    verdicts,
  }))
}

const toText = (scenarios: readonly Scenario[]): string =>
  layOutTable(scenarios.map(({ name, title }) => [name, title])).join("\n")

const toJson = (scenarios: readonly Scenario[]): string =>
  JSON.stringify({
    scenarios: scenarios.map(({ expected, ...scenario }) => ({
      name: scenario.name,
      title: scenario.title,
      about: scenario.about,
      serversDefault: scenario.serversDefault,
      roomVersionsDefault: scenario.roomVersionsDefault,
      expected: Object.fromEntries(roomVersions.map(({ id }) => [id, expected(id)])),
    })),
  })

const sectionToMarkdown = (scenario: Scenario): string => {
  const rows = expectations(scenario).map(
    ({ roomVersions: ids, verdicts }) =>
      `| ${ids} | ${verdictNames.map((name) => verdicts[name]).join(" | ")} |`,
  )
  return [
    `## ${scenario.name}`,
    "",
    `**${scenario.title}**`,
    "",
    scenario.about,
    "",
    `${scenario.serversDefault} servers; room versions ${scenario.roomVersionsDefault.join(", ")} unless asked otherwise.`,
    "",
    `| room versions | ${verdictNames.join(" | ")} |`,
    `| --- | ${verdictNames.map(() => "---").join(" | ")} |`,
    ...rows,
  ].join("\n")
}

const toMarkdown = (scenarios: readonly Scenario[]): string =>
  [
    "# Scenarios",
    "<!-- Generated: ./netsplit scenarios --markdown > docs/scenarios.md -->",
    "Each is a story that `./netsplit run NAME` plays, with the verdicts that it expects in each room version.",
    ...scenarios.map(sectionToMarkdown),
  ].join("\n\n")

/** `netsplit scenarios`: which stories there are, and what each expects. */
export const scenarios = Command.make(
  "scenarios",
  {
    markdown: Flag.Boolean("markdown").pipe(
      Flag.withDescription("Print the reference that is docs/scenarios.md"),
      Flag.withDefault(false),
    ),
    json: jsonFlag,
  },
  Effect.fnUntraced(function* (input) {
    if (input.json && input.markdown) {
      return yield* new UsageError({ message: "--json and --markdown exclude each other: leave one out" })
    }
    const known = yield* (yield* Engine).scenarios
    const print = input.json ? toJson : input.markdown ? toMarkdown : toText
    yield* Console.log(print(known))
  }),
).pipe(
  Command.withDescription(
    "List the scenarios that there are, and the verdicts each expects by room version.",
  ),
  Command.withShortDescription("List the scenarios"),
)
