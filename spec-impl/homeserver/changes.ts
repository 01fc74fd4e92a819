/**
 * What changes here besides the events of rooms, and is told to this server's clients (client-server API §Syncing):
 * that it has changed, and in which order. What it is now stands with the chapter that it is of.
 */
import { Context, Layer } from "effect"

/** What can change, by what it is of. */
export interface ChangeKeys {
  /** All memberships of a room in partial state are known now: its state is another, without any event. */
  readonly wholeRoom: readonly [roomId: string]
  /** Who is typing in the room. */
  readonly typing: readonly [roomId: string]
  /** A receipt, under a key of its own. */
  readonly receipt: readonly [roomId: string, receipt: string]
  readonly presence: readonly [userId: string]
  /** Of a room, or of no room: "". */
  readonly accountData: readonly [userId: string, roomId: string, type: string]
  /** The devices of a user of any server, or its public cross-signing keys. */
  readonly devices: readonly [userId: string]
  readonly toDevice: readonly [userId: string, deviceId: string]
  readonly oneTimeKeys: readonly [userId: string, deviceId: string]
  /** What a user of this server is to a room that the server is not in. */
  readonly outside: readonly [userId: string, roomId: string]
}

export type ChangeKind = keyof ChangeKeys

/** So many changes of one kind are remembered: strangers can make up users whose presence they tell. */
const rememberedMax = 100_000
/** Kinds of which a forgotten change does no harm: it is of the moment. */
const ofTheMoment: ReadonlySet<ChangeKind> = new Set(["presence", "typing"])

export class Changes extends Context.Service<
  Changes,
  {
    /** Something has changed: it is durable, and seen by all. */
    readonly note: <K extends ChangeKind>(kind: K, ...of: ChangeKeys[K]) => void
    /** The number of the last change of this boot; 0 before the first. */
    readonly last: () => number
    /** Up to that number not all changes are remembered: who has been told no more is told everything as it is now. */
    readonly forgotten: () => number
    /** What has changed after the change of that number, each once, in the order of its last change. */
    readonly since: <K extends ChangeKind>(kind: K, number: number) => readonly ChangeKeys[K][]
    /** Calls `listener` at each change, until what it gives is called; the listener must not wait. */
    readonly watch: (listener: () => void) => () => void
  }
>()("netsplit/Changes") {
  static readonly layer = Layer.sync(Changes, () => {
    /** By kind, by what it is of: the number of its last change. */
    const numbers = new Map<ChangeKind, Map<string, number>>()
    const listeners = new Set<() => void>()
    const lastOfKind = new Map<ChangeKind, number>()
    let last = 0
    let forgotten = 0

    const ofKind = (kind: ChangeKind): Map<string, number> => {
      const known = numbers.get(kind) ?? new Map<string, number>()
      numbers.set(kind, known)
      return known
    }

    return Changes.of({
      note: (kind, ...of) => {
        last += 1
        const key = JSON.stringify(of)
        const known = ofKind(kind)
        known.delete(key)
        known.set(key, last)
        lastOfKind.set(kind, last)
        const [oldest] = known
        if (known.size > rememberedMax && oldest !== undefined) {
          known.delete(oldest[0])
          if (!ofTheMoment.has(kind)) forgotten = Math.max(forgotten, oldest[1])
        }
        for (const listener of [...listeners]) listener()
      },
      last: () => last,
      forgotten: () => forgotten,
      since: <K extends ChangeKind>(kind: K, number: number) =>
        number >= (lastOfKind.get(kind) ?? 0)
          ? []
          : [...ofKind(kind)].flatMap(([key, changed]) =>
              changed > number ? [JSON.parse(key) as ChangeKeys[K]] : [],
            ),
      watch: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    })
  })
}
