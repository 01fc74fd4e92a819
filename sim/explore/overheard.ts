/**
 * What became of questions on the wire, and of events that were pushed: what cannot be seen any more by what servers
 * hold at the end. A server drops an event whose history is not to be had, answers so, and is not told of it again
 * (§PUT …/send: a result for each PDU, and nothing of trying again); whether it was to be had only the wire knows.
 */
import { aclAllows } from "#spec-impl/homeserver/room-acl.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"
import { objectionOfState, presentFor, statesOfTips } from "../checks/by-the-rules.ts"
import type { CheckedWorld } from "../checks/check.ts"
import type { TraceRecord } from "../kernel/trace.ts"
import { HeardKeys } from "./heard-keys.ts"
import {
  decoded,
  eventOf,
  handedOver,
  isAbout,
  isAboutKeys,
  isOfState,
  joinOf,
  transactionOf,
} from "./targets.ts"

/** Why a server took an event not in: its sender was denied by the room's ACL, or what it asked for came to nothing. */
export type Dropped = "denied" | "unanswered"

/** A question under way, and what was seen of its answer. */
interface Asked {
  readonly by: string
  readonly of: string
  readonly target: string
  saidAt: number
  isVain?: boolean
  isAltered?: boolean
}

/** A question that came to nothing: its answer was lost, an error, or not what was said. */
interface Vain {
  readonly by: string
  readonly of: string
  readonly target: string
  readonly at: number
  /** Whether whoever was asked denied the one who asked, as the room's ACL has it there. */
  readonly isDenied: boolean
  /** Whether it was answered, and not with what was said. */
  readonly isAltered: boolean
}

/** A pushed event that was answered with an error: when its transaction came, and when that was over. */
interface Refusal {
  readonly origin: string
  readonly from: number
  readonly to: number
  /** The rooms whose ACL denied the origin there and then. */
  readonly deniedIn: ReadonlySet<string>
}

export class Overheard {
  readonly keys: HeardKeys
  readonly #world: CheckedWorld
  #now = 0
  /** When each record came, by what `#now` was then. */
  readonly #msAt: number[] = [0]
  /** Requests under way, by their id. */
  readonly #requests = new Map<string, Asked>()
  /** Those whose sender waits for no answer any more, and which may arrive all the same. */
  readonly #abandoned = new Map<string, Asked>()
  /** When transactions came whose answer is not kept yet, by receiver, sender and id. */
  readonly #arrived = new Map<string, number>()
  readonly #vain: Vain[] = []
  /** By server and event: answers to questions for that alone. */
  readonly #eventsTold = new Map<string, { readonly at: number; readonly isAltered: boolean }[]>()
  /** By server and event: when it last took that in as part of the history. */
  readonly #taken = new Map<string, number>()
  readonly #takenAgain = new Set<string>()
  /** By server and event. */
  readonly #refusals = new Map<string, Refusal[]>()
  /** Server and event, of joins that another server let in, and said so. */
  readonly #letIn = new Set<string>()
  /** By server and event: whom it gave that to, to be told of by them. */
  readonly #handedTo = new Map<string, string[]>()
  /** Server and event. */
  readonly #spokenAgainst = new Set<string>()

  constructor(world: CheckedWorld) {
    this.#world = world
    this.keys = new HeardKeys(
      world.servers,
      () => this.#now,
      (at) => this.#msAt[at] ?? 0,
    )
  }

  onRecord({ kind, fields, virtualMs }: TraceRecord): void {
    this.#now++
    this.#msAt.push(virtualMs)
    const id = String(fields[0])
    if (kind === "event" || kind === "crash") this.keys.note(id)
    if (kind === "event" && fields[3] === "timeline") this.#noteTaken(`${id} ${fields[2]}`)
    if (kind === "event" && fields[4] === "soft-failed")
      this.#noteObjection(id, String(fields[1]), String(fields[2]))
    if (kind === "request") {
      const [, by, of, , target] = fields.map(String) as [string, string, string, string, string]
      this.#requests.set(id, { by, of, target, saidAt: this.#now })
      return
    }
    const request = this.#requests.get(id)
    const arriving = kind === "delivered" ? (request ?? this.#abandoned.get(id)) : undefined
    if (arriving !== undefined) this.#arrives(arriving)
    if (request === undefined) return
    if (kind === "answer") request.saidAt = this.#now
    if (kind === "answer" && isAboutKeys(request.target)) this.keys.note(request.of)
    const isAltered = kind === "altered-answer"
    const isError = kind === "answer" && Number(fields[1]) >= 400
    if (isAltered || isError || kind === "failed" || kind === "abandoned") {
      const isDenied = isError && this.#denies(request, fields[1])
      const { by, of, target } = request
      this.#vain.push({ by, of, target, at: this.#now, isDenied, isAltered })
      if (isAboutKeys(target)) this.keys.asked(request, true)
      request.isVain = true
      if (isAltered) request.isAltered = true
    }
    if (kind === "answered") this.#noteTold(request)
    if (kind === "abandoned") this.#abandoned.set(id, request)
    if (kind === "failed" || kind === "abandoned" || kind === "answered") this.#requests.delete(id)
  }

  onCommit(server: string, { answers = [] }: StoreGroup): void {
    for (const { origin, transactionId, answer } of answers) {
      const key = `${server} ${origin} ${transactionId}`
      const from = this.#arrived.get(key) ?? this.#now
      this.#arrived.delete(key)
      const refused = Object.entries(answer.pdus).filter(([, { error }]) => error !== undefined)
      if (refused.length === 0) continue
      const deniedIn = this.#roomsThatDeny(server, origin)
      for (const [eventId] of refused) {
        const known = this.#refusals.get(`${server} ${eventId}`) ?? []
        this.#refusals.set(`${server} ${eventId}`, [...known, { origin, from, to: this.#now, deniedIn }])
      }
    }
  }

  /** Why the server dropped the event when it was pushed; undefined where it did not, or for no such reason. */
  dropped(server: string, roomId: string, eventId: string): Dropped | undefined {
    const refusals = this.#refusals.get(`${server} ${eventId}`) ?? []
    if (refusals.some(({ deniedIn }) => deniedIn.has(roomId))) return "denied"
    const vain = refusals.flatMap(({ origin, from, to }) =>
      this.#vain.filter(
        ({ by, of, target, at }) =>
          by === server &&
          at >= from &&
          at <= to &&
          (isAboutKeys(target) || (of === origin && isAbout(target, roomId))),
      ),
    )
    if (vain.length === 0) return undefined
    return vain.some(({ isDenied }) => isDenied) ? "denied" : "unanswered"
  }

  /** Whether the state of the room spoke against the event when the server took it in, whatever it says now. */
  spokeAgainst(server: string, eventId: string): boolean {
    return this.#spokenAgainst.has(`${server} ${eventId}`)
  }

  /** Whether the server has ever had the event as part of the history, whatever it holds now. */
  hasTaken(server: string, eventId: string): boolean {
    return this.#taken.has(`${server} ${eventId}`)
  }

  /** Whether the server took the event in as part of the history more than once, as who comes back on a backup does. */
  hasTakenAgain(server: string, eventId: string): boolean {
    return this.#takenAgain.has(`${server} ${eventId}`)
  }

  /** When the server last took the event in as part of the history; 0 where it never did. */
  takenAt(server: string, eventId: string): number {
    return this.#taken.get(`${server} ${eventId}`) ?? 0
  }

  /** Each time that the event was pushed to the server and answered with an error, whatever that was: when that was over. */
  refusedAt(server: string, eventId: string): readonly number[] {
    return (this.#refusals.get(`${server} ${eventId}`) ?? []).map(({ to }) => to)
  }

  /** Whether the server asked others to let it in by the event, and none ever told it that they did. */
  hasJoinedInVain(server: string, eventId: string): boolean {
    return (
      !this.#letIn.has(`${server} ${eventId}`) &&
      this.#vain.some(({ by, target }) => by === server && joinOf(target) === eventId)
    )
  }

  /** Those whom the event reached that the server made by a handshake, so that they tell of it. */
  handedTo(server: string, eventId: string): readonly string[] {
    return this.#handedTo.get(`${server} ${eventId}`) ?? []
  }

  /** Whether the server asked for an event, or for history from there, and that came to nothing. */
  hasAskedInVain(server: string, eventId: string): boolean {
    return this.#vain.some(({ by, target }) => by === server && decoded(target).includes(eventId))
  }

  /** Whether the server asked for what came before an event of the room, and was denied by an ACL. */
  wasDeniedHistory(server: string, roomId: string, ofServer: string): boolean {
    return this.#vain.some(
      ({ by, of, target, isDenied }) =>
        isDenied && by === server && of === ofServer && isAbout(target, roomId),
    )
  }

  /** Whether the state before the event, as `by` told it to `to`, was not what it had said. */
  wasStateAltered(to: string, by: string, eventId: string): boolean {
    return this.#vain.some(
      (vain) => vain.isAltered && vain.by === to && vain.of === by && isOfState(vain.target, eventId),
    )
  }

  /** Whether the server had asked for the event when it took `takenId` in, and was never answered with what was said. */
  wasEventAltered(server: string, eventId: string, takenId: string): boolean {
    const takenAt = this.takenAt(server, takenId)
    const told = (this.#eventsTold.get(`${server} ${eventId}`) ?? []).filter(({ at }) => at < takenAt)
    return told.length > 0 && told.every(({ isAltered }) => isAltered)
  }

  #noteTaken(key: string): void {
    if (this.#taken.has(key)) this.#takenAgain.add(key)
    this.#taken.set(key, this.#now)
  }

  #noteTold(request: Asked): void {
    const { by, target, isVain = false, isAltered = false } = request
    if (!isVain && isAboutKeys(target)) this.keys.asked(request, false)
    const joinId = joinOf(target)
    if (!isVain && joinId !== undefined) this.#letIn.add(`${by} ${joinId}`)
    const eventId = eventOf(target)
    if (eventId === undefined || (isVain && !isAltered)) return
    const key = `${by} ${eventId}`
    this.#eventsTold.set(key, [...(this.#eventsTold.get(key) ?? []), { at: this.#now, isAltered }])
  }

  /** A soft-failed event leaves the extremities, and with them the state that it faced, as they were. */
  #noteObjection(server: string, roomId: string, eventId: string): void {
    const dag = this.#world.servers.get(server)?.rooms.find(roomId)?.dag
    const record = dag?.timeline(eventId)
    if (dag === undefined || record === undefined) return
    const present = presentFor(this.#world.resolve, dag, statesOfTips(dag), record)
    if (objectionOfState(dag, record.event, present, 6) !== undefined) {
      this.#spokenAgainst.add(`${server} ${eventId}`)
    }
  }

  #arrives({ by, of, target }: Asked): void {
    const handedId = handedOver(target)
    if (handedId !== undefined) {
      this.#handedTo.set(`${by} ${handedId}`, [...this.handedTo(by, handedId), of])
    }
    const transactionId = transactionOf(target)
    if (transactionId === undefined) return
    const key = `${of} ${by} ${transactionId}`
    if (!this.#arrived.has(key)) this.#arrived.set(key, this.#now)
  }

  #denies(
    { by, of, target }: { readonly by: string; readonly of: string; readonly target: string },
    status: string | number | undefined,
  ): boolean {
    if (String(status) !== "403") return false
    const path = decoded(target)
    return [...this.#roomsThatDeny(of, by)].some((roomId) => path.includes(roomId))
  }

  #roomsThatDeny(server: string, origin: string): ReadonlySet<string> {
    const rooms = this.#world.servers.get(server)?.rooms.all() ?? []
    return new Set(rooms.filter(({ dag }) => !aclAllows(dag, origin)).map(({ roomId }) => roomId))
  }
}
