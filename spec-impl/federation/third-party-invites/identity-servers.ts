/** What a homeserver asks of identity servers (identity service API §Association lookup, §Invitation storage, §Key management). */
import { Context, Effect, Layer, Option } from "effect"
import { Headers, HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { encodeBase64Url } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { canonicalJsonBytes } from "../../core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { badAnswer } from "../../homeserver/failures.ts"
import { readJson } from "../json-body.ts"
import { invalidParameter, type MatrixError, matrixErrorFromAnswer } from "../matrix-error.ts"
import { FederationUnreachable, reasonOf } from "../outgoing-call.ts"

/** Where somebody is reached who may have no Matrix id: `email` and an address. */
export interface ThirdPartyIdentifier {
  readonly medium: string
  readonly address: string
}

/** An identity server, and the token by which a user may ask it. */
export interface IdentityServer {
  readonly name: string
  readonly accessToken: string
}

/** What an identity server gives for an invite that it keeps. */
export interface StoredInvite {
  readonly token: string
  readonly displayName: string
  /** `{public_key, key_validity_url}`: its own key first, then one for this invite alone. */
  readonly publicKeys: readonly [JsonObject, ...JsonObject[]]
}

type Asked<A> = Effect.Effect<A, MatrixError | FederationUnreachable>

/** Asks identity servers. They fail with what they answer, or with why there is no answer that makes sense. */
export class IdentityServers extends Context.Service<
  IdentityServers,
  {
    /** The user to whom the identifier is bound, if there is one (`POST …/lookup`). */
    readonly lookUp: (server: IdentityServer, who: ThirdPartyIdentifier) => Asked<string | undefined>
    /** Has an invite kept until somebody binds the identifier (`POST …/store-invite`), unless somebody has. */
    readonly storeInvite: (
      server: IdentityServer,
      invite: JsonObject,
    ) => Asked<StoredInvite | { readonly boundTo: string }>
    /** Whether a key has not been revoked, by the URL that an invite gives for asking. */
    readonly isKeyValid: (keyValidityUrl: string, publicKey: string) => Asked<boolean>
  }
>()("netsplit/IdentityServers") {
  /** By the HTTP client of the surroundings, which gets `https` URLs. */
  static readonly layer = Layer.effect(
    IdentityServers,
    Effect.map(HttpClient.HttpClient, (httpClient) => {
      const ask = makeAsk(httpClient)
      const askAs = ({ name, accessToken }: IdentityServer, path: string, body?: JsonObject) =>
        ask(`https://${name}/_matrix/identity/v2/${path}`, { authorization: `Bearer ${accessToken}` }, body)

      const lookUpOnce = Effect.fnUntraced(function* (server: IdentityServer, who: ThirdPartyIdentifier) {
        const { lookup_pepper: pepper, algorithms } = yield* askAs(server, "hash_details")
        if (typeof pepper !== "string" || !isJsonArray(algorithms)) {
          return yield* badAnswer(`${server.name} does not say how identifiers are hashed`)
        }
        const isHashed = algorithms.includes("sha256")
        const hash = isHashed
          ? encodeBase64Url(sha256(`${who.address} ${who.medium} ${pepper}`))
          : `${who.address} ${who.medium}`
        const question = { algorithm: isHashed ? "sha256" : "none", pepper, addresses: [hash] }
        const { mappings } = yield* askAs(server, "lookup", question)
        const userId = isJsonObject(mappings) && Object.hasOwn(mappings, hash) ? mappings[hash] : undefined
        return typeof userId === "string" ? userId : undefined
      })

      return IdentityServers.of({
        lookUp: (server, who) =>
          // The pepper may have been changed between the two questions: once more, and no oftener.
          Effect.catchIf(
            lookUpOnce(server, who),
            (error) => error._tag === "MatrixError" && error.errcode === "M_INVALID_PEPPER",
            () => lookUpOnce(server, who),
          ),
        storeInvite: (server, invite) =>
          Effect.matchEffect(askAs(server, "store-invite", invite), {
            onSuccess: (answer) => {
              const stored = readStored(answer)
              return stored === undefined
                ? Effect.fail(badAnswer(`${server.name} keeps the invite, but does not say how`))
                : Effect.succeed(stored)
            },
            onFailure: (error) => {
              const boundTo = userBoundTo(error)
              return boundTo === undefined ? Effect.fail(error) : Effect.succeed({ boundTo })
            },
          }),
        isKeyValid: (keyValidityUrl, publicKey) => {
          if (!keyValidityUrl.startsWith("https://")) {
            return Effect.fail(invalidParameter("the validity of the key cannot be asked by https"))
          }
          const separator = keyValidityUrl.includes("?") ? "&" : "?"
          const url = `${keyValidityUrl}${separator}public_key=${encodeURIComponent(publicKey)}`
          return Effect.map(ask(url, {}), ({ valid }) => valid === true)
        },
      })
    }),
  )
}

const answerWithin = "30 seconds"

/** One request, a GET unless it has a body, and the object that it is answered with. */
const makeAsk = (httpClient: HttpClient.HttpClient) =>
  Effect.fnUntraced(function* (url: string, headers: Readonly<Record<string, string>>, body?: JsonObject) {
    const destination = /^https:\/\/([^/?#]*)/.exec(url)?.[1] ?? url
    const [method, content] =
      body === undefined
        ? (["GET", HttpBody.empty] as const)
        : (["POST", HttpBody.uint8Array(canonicalJsonBytes(body), "application/json")] as const)
    const request = HttpClientRequest.makeWith(
      method,
      url,
      [],
      Option.none(),
      Headers.fromInput(headers),
      content,
    )
    const { status, bytes } = yield* httpClient.execute(request).pipe(
      Effect.flatMap((response) =>
        Effect.map(response.arrayBuffer, (bytes) => ({ status: response.status, bytes })),
      ),
      Effect.mapError((error) => new FederationUnreachable({ destination, reason: reasonOf(error) })),
      Effect.timeoutOrElse({
        duration: answerWithin,
        orElse: () => Effect.fail(new FederationUnreachable({ destination, reason: "timed-out" })),
      }),
    )
    if (status < 200 || status >= 300) return yield* matrixErrorFromAnswer(status, new Uint8Array(bytes))
    const answer: JsonValue | undefined = readJson(new Uint8Array(bytes))
    if (answer !== undefined && isJsonObject(answer)) return answer
    return yield* new FederationUnreachable({ destination, reason: "malformed-answer" })
  })

/** 400 M_THREEPID_IN_USE says whose it is. */
const userBoundTo = (error: MatrixError | FederationUnreachable): string | undefined => {
  if (error._tag !== "MatrixError" || error.errcode !== "M_THREEPID_IN_USE") return undefined
  const userId = error.details?.mxid
  return typeof userId === "string" ? userId : undefined
}

/** §Invitation storage: the token is the state key of an event, and without a key nothing can be proved. */
const tokenForm = /^[0-9a-zA-Z.=_-]{1,255}$/

const readStored = (answer: JsonObject): StoredInvite | undefined => {
  const { token, display_name: displayName, public_keys: keys } = answer
  if (typeof token !== "string" || !tokenForm.test(token) || typeof displayName !== "string") return undefined
  if (!isJsonArray(keys)) return undefined
  const [first, ...others] = keys.flatMap((key) =>
    isJsonObject(key) && typeof key.public_key === "string" && typeof key.key_validity_url === "string"
      ? { public_key: key.public_key, key_validity_url: key.key_validity_url }
      : [],
  )
  return first === undefined ? undefined : { token, displayName, publicKeys: [first, ...others] }
}
