/** All actions that there are, as one list: what a plan may say, and what a random one may draw. */
import { Result, Schema } from "effect"
import type { ActionDefinition, WrittenAction } from "./action.ts"
import { addDevice, claimKeys, deleteDevice, renameDevice, sendToDevice } from "./devices.ts"
import { ban, blockInvites, invite, join, kick, knock, leave, rename, unban } from "./memberships.ts"
import { message, read, redact, typing } from "./messages.ts"
import {
  create,
  setAcl,
  setHistoryVisibility,
  setJoinRule,
  setLevels,
  setName,
  setState,
  setTopic,
  upgrade,
} from "./rooms.ts"

const definitions = [
  create,
  join,
  knock,
  invite,
  leave,
  kick,
  ban,
  unban,
  blockInvites,
  rename,
  setLevels,
  setJoinRule,
  setAcl,
  setTopic,
  setName,
  setHistoryVisibility,
  setState,
  message,
  redact,
  read,
  typing,
  upgrade,
  addDevice,
  renameDevice,
  deleteDevice,
  sendToDevice,
  claimKeys,
] as const

type Definition = (typeof definitions)[number]

/** An action, as it stands in a file: plain JSON. */
export type Action = WrittenAction<Definition>
export type ActionName = Definition["name"]

/** A definition whatever its fields. */
export type AnyActionDefinition = ActionDefinition<ActionName>

export const actions: readonly AnyActionDefinition[] = definitions as never

const byName = new Map<string, AnyActionDefinition>(
  actions.map((definition) => [definition.name, definition]),
)

export const actionNamed = (name: ActionName): AnyActionDefinition => byName.get(name)!

/** Why that is no action, in one line; undefined where it is one. */
const problemOf = (json: unknown): string | undefined => {
  const name = typeof json === "object" && json !== null && "act" in json ? String(json.act) : ""
  const definition = byName.get(name)
  if (definition === undefined) return `there is no action ${JSON.stringify(name)}`
  const result = Schema.decodeUnknownResult(definition.schema as unknown as Schema.Codec<object>)(json, {
    onExcessProperty: "error",
  })
  return Result.isFailure(result)
    ? `action ${name}: ${result.failure.message.replaceAll(/\s+/g, " ")}`
    : undefined
}

/** An action in a file; names and fields that there are not are refused. */
export const Action: Schema.Codec<Action> = Schema.Unknown.check(Schema.makeFilter(problemOf)) as never
