import { Clock, Context, Effect } from "effect"
import { certificateOf } from "#sim/network/certificates.ts"
import type { Names } from "#sim/network/names.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor, Stage } from "#sim/world/stage.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { oldVersions } from "./story-parts.ts"

const [one, two, three, four, five] = ["s1", "s2", "s3", "s4:8449", "10.0.0.5"]
const minuteMs = 60_000

/** The box of s3, before and after it moves. */
const oldBox = "10.0.3.1"
const newBox = "10.0.3.2"

const serve = (names: Names, address: string, port: number, node: string, certificateName: string) =>
  names.listen(address, port, { node, certificates: [certificateOf([certificateName])] })

/** s2 delegates by a file on a web server, and by SRV; s3 by SRV alone; the others are where their names say. */
const setUp = Effect.fnUntraced(function* (names: Names) {
  yield* names.web("web", () => ({
    status: 200,
    headers: { "cache-control": "max-age=300" },
    body: new TextEncoder().encode(`{"m.server":"matrix.s2"}`),
  }))
  yield* serve(names, "10.0.0.2", 443, "web", "s2")
  yield* names.close("10.0.0.2", 8448)
  yield* names.publish("_matrix-fed._tcp.matrix.s2", {
    kind: "services",
    targets: [{ target: "box.s2", port: 4433 }],
  })
  yield* names.publish("box.s2", { kind: "addresses", addresses: ["10.0.2.1"] })
  yield* serve(names, "10.0.2.1", 4433, two, "matrix.s2")
  yield* moveThree(names, "_matrix-fed._tcp.s3", oldBox)
})

const moveThree = Effect.fnUntraced(function* (names: Names, service: string, address: string) {
  for (const known of ["_matrix-fed._tcp.s3", "_matrix._tcp.s3"]) yield* names.withdraw(known)
  yield* names.close("10.0.0.3", 8448)
  yield* names.close(oldBox, 4434)
  yield* names.publish("box.s3", { kind: "addresses", addresses: [address] })
  yield* names.publish(service, { kind: "services", targets: [{ target: "box.s3", port: 4434 }] })
  yield* serve(names, address, 4434, three, "s3")
})

/** Tells what each server shows for a topic, those together that show the same. */
const tellTopics = (stage: Stage, room: string) => {
  const showing = new Map<string, string[]>()
  for (const server of stage.servers) {
    const topic = stage.stateOf(server, room, "m.room.topic")?.content.topic
    if (typeof topic === "string") showing.set(topic, [...(showing.get(topic) ?? []), server])
  }
  const parts = [...showing].map(([topic, servers]) => `"${topic}" on ${servers.join(", ")}`)
  return stage.tell(`The topic is now ${parts.join("; ")}.`)
}

const setTopic = (actor: Actor, room: string, topic: string) =>
  actor.setState(room, "m.room.topic", { topic })

/** Certificates go bad, one after another, each in its own way. */
const badCertificates = Effect.fnUntraced(function* (stage: Stage, room: string, alice: Actor) {
  const { names } = stage
  yield* serve(names, "10.0.2.1", 4433, two, "www.s2")
  yield* names.listen(five, 8448, {
    node: five,
    certificates: [certificateOf([five], { issuer: "unknown" })],
  })
  const nowMs = yield* Clock.currentTimeMillis
  yield* names.listen(oldBox, 4434, {
    node: three,
    certificates: [certificateOf(["s3"], { notAfterMs: nowMs + minuteMs })],
  })
  yield* setTopic(alice, room, "is this thing on?")
  yield* stage.wait(minuteMs)
  yield* stage.tell(
    "s2 renews its certificate, for the wrong name; 10.0.0.5 signs its own. Nothing is sent to either.",
  )
  yield* tellTopics(stage, room)
  yield* setTopic(alice, room, "anybody?")
  yield* stage.wait(minuteMs)
  yield* stage.tell("A minute later the certificate of s3 expires. Alice changes the topic.")
  yield* tellTopics(stage, room)
  yield* serve(names, "10.0.2.1", 4433, two, "matrix.s2")
  yield* serve(names, five, 8448, five, five)
  yield* serve(names, oldBox, 4434, three, "s3")
  yield* stage.quiet
  yield* stage.tell("All certificates are put right.")
  yield* tellTopics(stage, room)
})

/** The name server is cut off from all, beside a partition. */
const darkness = Effect.fnUntraced(function* (stage: Stage, rooms: readonly [string, string], alice: Actor) {
  const [room, oldRoom] = rooms
  yield* stage.partition([one, two], [three, four, five], ["dns"])
  yield* stage.wait(2 * minuteMs)
  yield* setTopic(alice, room, "is it dark on your side, too?")
  yield* stage.user(`@dan:${four}`).say(oldRoom, "who needs names?")
  yield* stage.user(`@carol:${three}`).setState(oldRoom, "m.room.name", { name: "By candlelight" })
  yield* stage.wait(minuteMs)
  const atFive = stage.stateOf(five, oldRoom, "m.room.name")?.content.name
  yield* stage.tell(
    "The network splits, and the name server is out of reach: s1 and s2 are on one side, and still do not find " +
      `each other. 10.0.0.5 is found without names: it hears that the old room is now called "${atFive}".`,
  )
  yield* tellTopics(stage, room)
  yield* moveThree(stage.names, "_matrix._tcp.s3", newBox)
  yield* stage.names.close("10.0.0.2", 443)
  yield* stage.tell("s3 moves to another box, under the old kind of SRV record; the web server of s2 dies.")
})

/** Every way to find a server, and most ways to lose it. */
export const discoveryGoesWrong: Scenario = {
  name: "discovery-goes-wrong",
  title: "Discovery goes wrong",
  about:
    "Five servers are found in five ways: by name alone, by a well-known file that delegates to an SRV record, by " +
    "an SRV record, by a port in the name, and by an address. Certificates are issued for the wrong name, by " +
    "nobody, or expire; then the network splits while the name server is out, and one server moves. When all " +
    "is mended, every server finds every other, and all must come to show the same rooms.",
  serversDefault: 5,
  serverNames: [one, two, three, four, five],
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === four ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user(`@alice:${one}`)
    const dan = stage.user(`@dan:${four}`)
    const others = [stage.user(`@bob:${two}`), stage.user(`@carol:${three}`), stage.user(`@erin:${five}`)]
    yield* setUp(stage.names)

    const powerLevels = { state_default: 0, users_default: 0 }
    const room = yield* alice.createRoom({ roomVersion: stage.roomVersion, powerLevels })
    const oldRoom = yield* alice.createRoom({ roomVersion: "10", powerLevels })
    for (const guest of others) {
      yield* guest.join(room, one)
      yield* guest.join(oldRoom, one)
    }
    yield* dan.join(oldRoom, one)
    const danJoins = yield* dan.join(room, one).pipe(
      Effect.as("Dan joins both"),
      Effect.catch(({ message }) => Effect.succeed(`Dan joins the second alone (${message})`)),
    )
    yield* stage.quiet
    yield* stage.tell(
      "Alice (s1) makes a room and an old one, of version 10. Bob (s2) is found by a well-known file and SRV, " +
        `Carol (s3) by SRV, Erin (10.0.0.5) by address, Dan (s4:8449) by port; ${danJoins}.`,
    )

    yield* badCertificates(stage, room, alice)
    yield* darkness(stage, [room, oldRoom], alice)

    yield* stage.heal
    yield* stage.quiet
    yield* setTopic(others[0]!, room, "found")
    yield* setTopic(dan, oldRoom, "found")
    yield* stage.quiet
    yield* stage.tell("Links and names are back.")
    yield* tellTopics(stage, room)
    return [room, oldRoom]
  }),
  wanted: ({ server, services }) => {
    const rooms = Context.get(services, Rooms).all()
    const showsAll = rooms.every(({ dag }) => {
      const shown = (type: string, key = "") => dag.eventIn(dag.currentState(), type, key)?.content
      const isIn = (userId: string): boolean => shown("m.room.member", userId)?.membership === "join"
      return (
        shown("m.room.topic")?.topic === "found" &&
        [`@alice:${one}`, `@bob:${two}`, `@carol:${three}`, `@erin:${five}`].every(isIn)
      )
    })
    const named = rooms.filter(
      ({ dag }) => dag.eventIn(dag.currentState(), "m.room.name", "")?.content.name === "By candlelight",
    )
    return showsAll && named.length === 1 && (rooms.length === 2 || server === four)
  },
}
