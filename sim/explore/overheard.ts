/**
 * What became of questions on the wire, and of events that were pushed: what cannot be seen any more by what servers
 * hold at the end. A server drops an event whose history is not to be had, answers so, and is not told of it again
 * (§PUT …/send: a result for each PDU, and nothing of trying again); whether it was to be had only the wire knows.
 */
import type { OldKey } from "#spec-impl/homeserver/identity.ts"
import { aclAllows } from "#spec-impl/homeserver/room-acl.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"
import { objectionOfState, presentFor, statesOfTips } from "../checks/by-the-rules.ts"
import type { CheckedWorld } from "../checks/check.ts"
import type { TraceRecord } from "../kernel/trace.ts"
import { decoded, eventOf, isAbout, isAboutKeys, isOfState, isOwnKeys, transactionOf } from "./targets.ts"

/** Why a server took an event not in: its sender was denied by the room's ACL, or what it asked for came to nothing. */
export type Dropped = "denied" | "unanswered"

/** A question under way, and what was seen of its answer. */
interface Asked {
  readonly by: string
  readonly of: string
  readonly target: string
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

/** A key that a server signs by, or did. */
export interface PublicKey {
  readonly keyId: string
  readonly publicKey: Uint8Array
}

export class Overheard {
  readonly #world: CheckedWorld
  #now = 0
  /** Requests under way, by their id. */
  readonly #requests = new Map<string, Asked>()
  /** When transactions came whose answer is not kept yet, by receiver, sender and id. */
  readonly #arrived = new Map<string, number>()
  readonly #vain: Vain[] = []
  /** Questions about keys that were answered: of the one who was asked alone, or of any that were asked about. */
  readonly #keysTold: {
    readonly by: string
    readonly of: string
    readonly at: number
    readonly isOwn: boolean
  }[] = []
  /** By server and event: answers to questions for that alone. */
  readonly #eventsTold = new Map<string, { readonly at: number; readonly isAltered: boolean }[]>()
  /** By server and event: when it last took that in as part of the history. */
  readonly #taken = new Map<string, number>()
  /** By server and event. */
  readonly #refusals = new Map<string, Refusal[]>()

  /** By server: the keys that it published last, those that it ceased to publish at some time, and old ones, each time anew. */
  readonly #keys = new Map<string, readonly PublicKey[]>()
  readonly #goneKeys = new Map<string, PublicKey[]>()
  readonly #oldKeys = new Map<string, OldKey[]>()
  /** By server and key id, of keys in the place of others: since when it is published, at the latest. */
  readonly #newKeys = new Map<string, number>()
  /** Server and event. */
  readonly #spokenAgainst = new Set<string>()

  constructor(world: CheckedWorld) {
    this.#world = world
  }

  onRecord({ kind, fields }: TraceRecord): void {
    this.#now++
    const id = String(fields[0])
    if (kind === "event" || kind === "crash") this.#noteKeys(id)
    if (kind === "event" && fields[3] === "timeline") this.#taken.set(`${id} ${fields[2]}`, this.#now)
    if (kind === "event" && fields[4] === "soft-failed")
      this.#noteObjection(id, String(fields[1]), String(fields[2]))
    if (kind === "request") {
      const [, by, of, , target] = fields.map(String) as [string, string, string, string, string]
      this.#requests.set(id, { by, of, target })
      return
    }
    const request = this.#requests.get(id)
    if (request === undefined) return
    if (kind === "delivered") this.#arrives(request)
    if (kind === "answer" && isAboutKeys(request.target)) this.#noteKeys(request.of)
    const isAltered = kind === "altered-answer"
    const isError = kind === "answer" && Number(fields[1]) >= 400
    if (isAltered || isError || kind === "failed" || kind === "abandoned") {
      const isDenied = isError && this.#denies(request, fields[1])
      const { by, of, target } = request
      this.#vain.push({ by, of, target, at: this.#now, isDenied, isAltered })
      request.isVain = true
      if (isAltered) request.isAltered = true
    }
    if (kind === "answered") this.#noteEventTold(request)
    if (kind === "answered" && request.isVain !== true && isAboutKeys(request.target))
      this.#keysTold.push({
        by: request.by,
        of: request.of,
        at: this.#now,
        isOwn: isOwnKeys(request.target),
      })
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

  /** Whether the event was pushed to the server and answered with an error, whatever that was. */
  wasRefused(server: string, eventId: string): boolean {
    return this.#refusals.has(`${server} ${eventId}`)
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

  /** Keys that the server published, and then did not: for a while at least nobody could hear of them from it. */
  goneKeysOf(server: string): readonly PublicKey[] {
    this.#noteKeys(server)
    return this.#goneKeys.get(server) ?? []
  }

  /** Keys that the server published as old ones, with each time of which it ever said that they had expired by then. */
  oldKeysOf(server: string): readonly OldKey[] {
    this.#noteKeys(server)
    return this.#oldKeys.get(server) ?? []
  }

  /**
   * Whether the server had asked for the keys of `signer` in vain when it took the event in: it had never heard from that
   * one itself since that published the key, nor after it had asked from anybody else who could tell. Of a server's first
   * keys any notary may know; of one in the place of another, who has heard since.
   */
  wereKeysUnheard(server: string, eventId: string, signer: string, keyId: string): boolean {
    const takenAt = this.#taken.get(`${server} ${eventId}`) ?? 0
    const asked = this.#vain.findLast(
      ({ by, of, target, at }) => by === server && of === signer && at < takenAt && isOwnKeys(target),
    )
    const since = this.#newKeys.get(`${signer} ${keyId}`)
    if (asked === undefined || asked.at < (since ?? 0)) return false
    const knowing = new Set([signer])
    for (const { by, of, at, isOwn } of this.#keysTold) {
      if (at < (since ?? 0) || at > takenAt) continue
      const couldTell = of === signer || (!isOwn && (since === undefined || knowing.has(of)))
      if (couldTell && by === server && (of === signer || at > asked.at)) return false
      if (couldTell) knowing.add(by)
    }
    return true
  }

  /** Whether the state before the event, as `by` told it to `to`, was not what it had said. */
  wasStateAltered(to: string, by: string, eventId: string): boolean {
    return this.#vain.some(
      (vain) => vain.isAltered && vain.by === to && vain.of === by && isOfState(vain.target, eventId),
    )
  }

  /** Whether the server had asked for the event when it took `takenId` in, and was never answered with what was said. */
  wasEventAltered(server: string, eventId: string, takenId: string): boolean {
    const takenAt = this.#taken.get(`${server} ${takenId}`) ?? 0
    const told = (this.#eventsTold.get(`${server} ${eventId}`) ?? []).filter(({ at }) => at < takenAt)
    return told.length > 0 && told.every(({ isAltered }) => isAltered)
  }

  #noteEventTold({ by, target, isVain, isAltered = false }: Asked): void {
    const eventId = eventOf(target)
    if (eventId === undefined || (isVain === true && !isAltered)) return
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

  #noteKeys(server: string): void {
    const identity = this.#world.servers.get(server)?.identity
    const known = this.#keys.get(server) ?? []
    if (identity === undefined || identity.signingKey.publicKey === known[0]?.publicKey) return
    const keys = [identity.signingKey, ...identity.oldKeys]
    const gone = known.filter(({ publicKey }) => !keys.some((key) => isSame(key.publicKey, publicKey)))
    if (known.length > 0 && !known.some(({ keyId }) => keyId === identity.signingKey.keyId))
      this.#newKeys.set(`${server} ${identity.signingKey.keyId}`, this.#now)
    this.#keys.set(server, keys)
    this.#oldKeys.set(server, [...(this.#oldKeys.get(server) ?? []), ...identity.oldKeys])
    this.#goneKeys.set(server, [...(this.#goneKeys.get(server) ?? []), ...gone])
  }

  #arrives({ by, of, target }: { readonly by: string; readonly of: string; readonly target: string }): void {
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

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
