/**
 * While it is armed, every source of time, chance and order that a simulation must not have is an error that
 * names it, and what to use instead. It is armed only while the kernel dispatches: nothing runs between its
 * arming and its disarming but the simulation.
 */
import nodeCrypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"

/** Something in a simulation asked the world outside for time, chance or order. */
export class AmbientSource extends Error {
  readonly source: string
  /** `where` says at what point of the run, where that is known. */
  constructor(source: string, instead: string, where = "") {
    super(`${source} was called inside a simulation${where}: use ${instead}`)
    this.name = "AmbientSource"
    this.source = source
  }
}

const clock = "effect's Clock, whose time is the kernel's"
const chance = "the Chance service, or effect's Random"
const sleep = "Effect.sleep, or effect's Clock"
const promise = "kernel.awaitPromise, which holds virtual time until it is settled"
const locale = "compareCodePoints, or an explicit locale and time zone outside the simulation"

/** The first trap that was stepped on since the guard was armed, even if the error was caught. */
let tripped: AmbientSource | undefined
/** Says where the run is that the guard is armed for. */
let whereNow: (() => string) | undefined

const trip = (source: string, instead: string): never => {
  const error = new AmbientSource(source, instead, whereNow?.())
  tripped ??= error
  throw error
}

interface Trap {
  readonly on: object
  readonly key: string
  readonly source: string
  readonly instead: string
}

const trapsOn = (on: object, name: string, keys: readonly string[], instead: string): readonly Trap[] =>
  keys.map((key) => ({ on, key, source: name === "" ? key : `${name}.${key}`, instead }))

const subtleMethods = Object.getOwnPropertyNames(Object.getPrototypeOf(globalThis.crypto.subtle)).filter(
  (name) => name !== "constructor",
)

const localDateMethods = [
  "getTimezoneOffset",
  "getHours",
  "getMinutes",
  "getDate",
  "getDay",
  "getMonth",
  "getFullYear",
  "toString",
  "toDateString",
  "toTimeString",
  "toLocaleString",
  "toLocaleDateString",
  "toLocaleTimeString",
]

const traps: readonly Trap[] = [
  ...trapsOn(Date, "Date", ["now"], clock),
  ...trapsOn(Math, "Math", ["random"], chance),
  ...trapsOn(performance, "performance", ["now"], clock),
  ...trapsOn(globalThis, "", ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"], sleep),
  ...trapsOn(process, "process", ["nextTick"], sleep),
  ...trapsOn(process, "process", ["hrtime"], clock),
  ...trapsOn(globalThis.crypto, "crypto", ["randomUUID", "getRandomValues"], chance),
  ...trapsOn(globalThis.crypto.subtle, "crypto.subtle", subtleMethods, promise),
  ...trapsOn(nodeCrypto, "node:crypto", ["randomBytes", "randomUUID", "randomInt", "randomFillSync"], chance),
  ...trapsOn(Promise.prototype, "Promise.prototype", ["then"], promise),
  ...trapsOn(
    String.prototype,
    "String.prototype",
    ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase"],
    locale,
  ),
  ...trapsOn(Number.prototype, "Number.prototype", ["toLocaleString"], locale),
  ...trapsOn(Intl, "Intl", ["Collator", "DateTimeFormat", "NumberFormat"], locale),
  ...trapsOn(Date.prototype, "Date.prototype", localDateMethods, locale),
  ...trapsOn(globalThis, "", ["fetch"], "the network of the simulation"),
]

/** `new Date()` asks for the time; `new Date(ms)` does not. */
const RealDate = Date
const GuardedDate = new Proxy(RealDate, {
  construct: (target, parameters, newTarget) => {
    if (parameters.length === 0) return trip("new Date()", clock)
    return Reflect.construct(target, parameters, newTarget)
  },
  apply: () => trip("Date()", clock),
})

/** Each trap with what stands there when it is not armed, looked up at the first arming. */
interface SetTrap {
  readonly on: object
  readonly key: string
  readonly descriptor: PropertyDescriptor | undefined
  readonly guarded: PropertyDescriptor
}

/** Called, or called with `new`: either fails. */
const failing = (source: string, instead: string): object => {
  const fail = (): never => trip(source, instead)
  return new Proxy(class {}, { apply: fail, construct: fail })
}

const setTraps: readonly SetTrap[] = traps.map(({ on, key, source, instead }) => {
  const value = failing(source, instead)
  if (source === "process.hrtime") Object.assign(value, { bigint: failing("process.hrtime.bigint", clock) })
  const guarded = { configurable: true, writable: true, enumerable: false, value }
  return { on, key, descriptor: Object.getOwnPropertyDescriptor(on, key), guarded }
})

let depth = 0

/**
 * Runs `body` with the guard armed; restores everything whatever happens. Armings may nest. Throws where a trap
 * was stepped on, also if `body` swallowed the error; `where` tells at what point of the run that was.
 */
export const whileGuarded = <A>(body: () => A, where?: () => string): A => {
  const whereBefore = whereNow
  arm()
  whereNow = where
  try {
    const result = body()
    if (tripped !== undefined) throw tripped
    return result
  } finally {
    whereNow = whereBefore
    disarm()
  }
}

const arm = (): void => {
  depth += 1
  if (depth > 1) return
  for (const { on, key, guarded } of setTraps) Object.defineProperty(on, key, guarded)
  globalThis.Date = GuardedDate
  syncBuiltinESMExports()
}

const disarm = (): void => {
  depth -= 1
  if (depth > 0) return
  tripped = undefined
  globalThis.Date = RealDate
  for (const { on, key, descriptor } of setTraps) {
    if (descriptor === undefined) Reflect.deleteProperty(on, key)
    else Object.defineProperty(on, key, descriptor)
  }
  syncBuiltinESMExports()
}
