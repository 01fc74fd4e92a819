/** Before a run: an origin, its rooms, the target in them, and the corpus. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { corpusFlows } from "../corpus/flows.ts"
import { type MadeCorpus, makeCorpus } from "../corpus/make-corpus.ts"
import { originKey } from "../corpus/origin-identity.ts"
import type { Relation } from "../corpus/requests.ts"
import type { RoomStart } from "../corpus/room-start.ts"
import { type Authority, makeAuthority, type TlsIdentity } from "../origin/certificates.ts"
import { startOrigin } from "../origin/origin.ts"
import type { OriginCalls } from "../origin/origin-worker.ts"
import { LoadFailure } from "./failure.ts"
import { flowOf, iterationsOf, type LoadOptions } from "./load-options.ts"
import { sendInOrder } from "./prelude.ts"
import type { Target } from "./target.ts"

/** A corpus that waits for its run, and who sends it. */
export interface Prepared {
  readonly flow: string
  readonly origin: OriginCalls
  readonly relation: Relation
  readonly made: MadeCorpus
}

/** What a later process must know to play the same origin: kept beside the corpus, for its owner alone. */
interface Kept {
  readonly flow: string
  readonly seed: number
  readonly iterations: number
  readonly origin: string
  readonly port: number
  readonly tls: TlsIdentity
  readonly target: string
  readonly rooms: readonly RoomStart[]
  readonly made: MadeCorpus
  readonly isUsed: boolean
}

const keptIn = (directory: string): string => join(directory, "prepared.json")

const keep = (directory: string, kept: Kept): void =>
  writeFileSync(keptIn(directory), JSON.stringify(kept), { mode: 0o600 })

/** Whether a corpus was prepared there. */
export const isPrepared = (directory: string): boolean => existsSync(keptIn(directory))

const originOf = (options: LoadOptions, port: number, tls: TlsIdentity): OriginCalls => {
  const { originHost, originListen, seed } = options
  return startOrigin({ listening: { host: originListen.host, port, tls }, hostName: originHost, seed })
}

/** Makes all of it, for a target that runs. */
export const prepare = async (
  options: LoadOptions,
  target: Target,
  authority: Authority = makeAuthority(),
): Promise<Prepared> => {
  const { seed, directory, originHost, originListen, roomVersion, tell, onProgress } = options
  const flow = flowOf(options)
  if (flow === undefined) throw new LoadFailure(`${options.script} needs no corpus: leave --prepare out`)
  mkdirSync(directory, { recursive: true })
  const tls = options.originTls ?? authority.issue(originHost)
  writeFileSync(join(directory, "origin-authority.pem"), authority.certificate)
  const origin = originOf(options, originListen.port, tls)
  try {
    const name = await origin.begin(target.address)
    const signingKey = originKey(seed, name)
    const relation: Relation = { origin: name, target: target.address.serverName, signingKey }
    tell(`the origin is ${name}, the target ${relation.target} at ${target.address.url}`)
    const wanted = { ...corpusFlows[flow]!.rooms, ...options.rooms }
    const roomIds = await origin.makeRooms(wanted, roomVersion)
    for (const [nth, roomId] of roomIds.entries()) {
      await joinOrExplain(target, roomId, name, directory)
      onProgress("rooms joined", nth + 1, roomIds.length)
    }
    const rooms = await origin.starts(roomIds)
    const iterations = iterationsOf(options)
    const plan = { flow, seed, origin: name, target: relation.target, rooms, iterations }
    const made = await makeCorpus(plan, directory, {
      prelude: wanted.prelude,
      onProgress: (done, total) => onProgress("requests made", done, total),
    })
    await learn(origin, directory)
    await sendInOrder(join(directory, "prelude"), target.federation, (done, total) =>
      onProgress("transactions before the run", done, total),
    )
    const port = Number(name.slice(name.lastIndexOf(":") + 1))
    keep(directory, {
      ...{ flow, seed, iterations, origin: name, port, tls, target: relation.target },
      ...{ rooms, made, isUsed: false },
    })
    return { flow, origin, relation, made }
  } catch (error) {
    await origin.stop()
    throw error
  }
}

const joinOrExplain = async (
  target: Target,
  roomId: string,
  via: string,
  directory: string,
): Promise<void> => {
  try {
    await target.join(roomId, via)
  } catch (error) {
    if (target.pid !== undefined) throw error
    throw new LoadFailure(
      `${(error as Error).message} (the target must reach https://${via}, may not refuse that address, and must ` +
        `trust ${join(directory, "origin-authority.pem")} or what --origin-cert gives)`,
    )
  }
}

/** Plays the origin of a corpus that was prepared before, for the same target on the same data. */
export const takeUp = async (options: LoadOptions, target: Target): Promise<Prepared> => {
  const { directory } = options
  const kept = JSON.parse(readFileSync(keptIn(directory), "utf8")) as Kept
  const { flow, seed, origin: name, made } = kept
  const flowWanted = flowOf(options)
  if (kept.isUsed) {
    throw new LoadFailure(`the corpus in "${directory}" was used: targets take each event once; make another`)
  }
  if (flow !== flowWanted)
    throw new LoadFailure(`the corpus in "${directory}" is for ${flow}, not ${flowWanted}`)
  if (kept.target !== target.address.serverName) {
    throw new LoadFailure(
      `the corpus in "${directory}" is for ${kept.target}, not ${target.address.serverName}`,
    )
  }
  if (iterationsOf(options) > kept.iterations) {
    throw new LoadFailure(
      `the corpus in "${directory}" is good for ${kept.iterations} iterations, not for ${iterationsOf(options)}`,
    )
  }
  const origin = originOf(
    { ...options, seed, originHost: name.slice(0, name.lastIndexOf(":")) },
    kept.port,
    kept.tls,
  )
  try {
    await origin.begin(target.address)
    await origin.takeUp(kept.rooms)
    await learn(origin, directory)
  } catch (error) {
    await origin.stop()
    throw error
  }
  return {
    flow,
    origin,
    relation: { origin: name, target: kept.target, signingKey: originKey(seed, name) },
    made,
  }
}

const learn = async (origin: OriginCalls, directory: string): Promise<void> => {
  await origin.learn(join(directory, "prelude"))
  await origin.learn(directory)
}

/** From now on the corpus is used. */
export const markUsed = (directory: string): void =>
  keep(directory, { ...(JSON.parse(readFileSync(keptIn(directory), "utf8")) as Kept), isUsed: true })
