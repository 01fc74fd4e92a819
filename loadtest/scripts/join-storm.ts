/**
 * make_join and send_join, user after user, into rooms of a thousand members. The join is signed beforehand, at the
 * room as the corpus knows it: k6's crypto signs no Ed25519. make_join is asked all the same, as a server would, and
 * must offer a join for that user into that room.
 */
import { check } from "k6"
import type { PreparedRequest } from "./lib/corpus.ts"
import { corpusFlow } from "./lib/flow.ts"
import { send } from "./lib/request.ts"

interface JoinTemplate {
  readonly event: { readonly room_id: string; readonly sender: string; readonly type: string }
}

/** The room and the user of `/make_join/{roomId}/{userId}?ver=…`. */
const readPath = (path: string): readonly string[] =>
  path
    .replace(/\?.*$/, "")
    .split("/")
    .slice(-2)
    .map((part) => decodeURIComponent(part))

const join = async (requests: readonly PreparedRequest[], host: string): Promise<void> => {
  const [makeJoin, sendJoin] = requests
  const { status, body } = await send(makeJoin!, host)
  if (status !== 200) return
  const { event } = JSON.parse(body!) as JoinTemplate
  const [roomId, userId] = readPath(makeJoin!.path)
  check(event, {
    "make_join offers that join": ({ type, room_id, sender }) =>
      type === "m.room.member" && room_id === roomId && sender === userId,
  })
  await send(sendJoin!, host)
}

const flow = corpusFlow(
  "join-storm",
  { endpoints: ["make_join", "send_join"], pace: { rate: 2, duration: "30s", latencyMsMax: 1_000 } },
  join,
)

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
