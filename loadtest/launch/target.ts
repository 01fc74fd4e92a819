/** The server under load, and the user of it who joins the rooms. */
import type { TargetAddress } from "../origin/target-client.ts"
import { Exchange, readObject } from "./exchange.ts"
import { LoadFailure } from "./failure.ts"

/** How the target comes into the rooms of the origin. */
export type Join = (roomId: string, via: string) => Promise<void>

/** A server that is running. */
export interface Target {
  readonly address: TargetAddress
  readonly federation: Exchange
  readonly join: Join
  /** Where it says how it is, if it does. */
  readonly metricsUrl: string | undefined
  /** The process, where it is our own. */
  readonly pid: number | undefined
  /** Which processor it has to itself, where it is our own. */
  readonly processor: number | undefined
  readonly stop: () => Promise<void>
}

/** Joins as the user of an access token (client-server API §POST /join/{roomIdOrAlias}). */
export const joinAs =
  (clients: Exchange, accessToken: string): Join =>
  async (roomId, via) => {
    const query = `server_name=${encodeURIComponent(via)}&via=${encodeURIComponent(via)}`
    const answer = await clients.ask({
      method: "POST",
      path: `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?${query}`,
      headers: { authorization: `Bearer ${accessToken}` },
      body: "{}",
    })
    if (answer.status !== 200) {
      throw new LoadFailure(
        `the target could not join ${roomId} by way of ${via}: ${answer.status} ${answer.text.slice(0, 300)}`,
      )
    }
  }

/** Registers a user, without a password that anybody knows; gives the access token. */
export const registerUser = async (clients: Exchange): Promise<string> => {
  const username = `load-${crypto.randomUUID().slice(0, 8)}`
  const body = { username, password: crypto.randomUUID(), auth: { type: "m.login.dummy" } }
  const answer = await clients.ask({
    method: "POST",
    path: "/_matrix/client/v3/register",
    body: JSON.stringify(body),
  })
  const { access_token: token } = readObject(answer, "the registration of a user")
  if (typeof token !== "string") throw new LoadFailure("the target gave no access token at registration")
  return token
}

/** What the user says of a target that is not ours. */
export interface ForeignTarget {
  readonly url: string
  readonly clientUrl: string | undefined
  readonly accessToken: string | undefined
  /** Certificates in PEM by which it is judged. */
  readonly authority: string | undefined
  readonly metricsUrl: string | undefined
}

const isLoopback = (url: string): boolean => /^https?:\/\/(127\.|localhost[:/]|\[::1\])/.test(`${url}/`)

/** Finds out who is there. */
export const reachTarget = async (given: ForeignTarget): Promise<Target> => {
  const { url, accessToken, authority, metricsUrl } = given
  if (!/^https?:\/\//.test(url))
    throw new LoadFailure(`--target must be a URL such as https://127.0.0.1:8448`)
  if (authority === undefined && url.startsWith("https:") && !isLoopback(url)) {
    throw new LoadFailure("--target-ca must name the authority of a target that is not on loopback")
  }
  const federation = new Exchange(url, authority)
  const serverName = await nameOf(federation)
  const clients = new Exchange(given.clientUrl ?? url, authority)
  return {
    address: { serverName, url: federation.url, authority },
    federation,
    join: async (roomId, via) => {
      if (accessToken === undefined) {
        throw new LoadFailure(
          "a target that is not ours needs --access-token, of a user of it who joins the rooms of the load " +
            "(and --client-url, where its client-server API is elsewhere)",
        )
      }
      await joinAs(clients, accessToken)(roomId, via)
    },
    metricsUrl,
    pid: undefined,
    processor: undefined,
    stop: async () => {
      await federation.close()
      await clients.close()
    },
  }
}

/** Its name, as it says with its keys (server-server API §Publishing Keys). */
const nameOf = async (federation: Exchange): Promise<string> => {
  const asked = { method: "GET", path: "/_matrix/key/v2/server" } as const
  const answer = await federation.ask(asked).catch((error: Error) => {
    throw new LoadFailure(`nobody answers at ${federation.url}: ${error.message}`)
  })
  const { server_name: name } = readObject(answer, `the question for the keys of ${federation.url}`)
  if (typeof name !== "string") throw new LoadFailure(`${federation.url} does not say its server name`)
  return name
}
