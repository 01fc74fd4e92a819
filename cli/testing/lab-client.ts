/** For tests: a client of the client-server API, as plain as it can be. */

/** Whatever a server answers. */
export type Answer = Readonly<Record<string, unknown>>

export class LabClient {
  readonly userId: string
  readonly #token: string
  /** Where its server is: a restart may move it. */
  url: string
  #nextTransaction = 0

  private constructor(url: string, userId: string, token: string) {
    this.url = url
    this.userId = userId
    this.#token = token
  }

  static async register(url: string, username: string): Promise<LabClient> {
    const answer = await post(`${url}/_matrix/client/v3/register`, {
      username,
      password: `secret of ${username}`,
      auth: { type: "m.login.dummy" },
    })
    return new LabClient(url, String(answer.user_id), String(answer.access_token))
  }

  /** Asks, and fails on any error. */
  async call(method: string, path: string, body?: object): Promise<Answer> {
    return read(
      await fetch(`${this.url}/_matrix/client/v3/${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
  }

  async createRoom(wishes: object): Promise<string> {
    return String((await this.call("POST", "createRoom", wishes)).room_id)
  }

  join(roomId: string, via: string): Promise<unknown> {
    return this.call("POST", `join/${encodeURIComponent(roomId)}?server_name=${via}&via=${via}`, {})
  }

  /** Sends a message, and gives its event id. */
  async say(roomId: string, body: string): Promise<string> {
    const path = `rooms/${encodeURIComponent(roomId)}/send/m.room.message/t${this.#nextTransaction++}`
    return String((await this.call("PUT", path, { msgtype: "m.text", body })).event_id)
  }

  /** Waits until its server shows it that event. */
  async sees(roomId: string, eventId: string): Promise<Answer> {
    const path = `rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(eventId)}`
    return eventually(() => this.call("GET", path))
  }
}

const post = async (url: string, body: object) =>
  read(await fetch(url, { method: "POST", body: JSON.stringify(body) }))

const read = async (response: Response): Promise<Answer> => {
  const answer = (await response.json()) as Answer
  if (response.ok) return answer
  throw new Error(`${response.status} ${JSON.stringify(answer)} at ${new URL(response.url).pathname}`)
}

/** Tries until it succeeds, for 30 seconds at most. */
export const eventually = async <A>(attempt: () => Promise<A>): Promise<A> => {
  const startedMs = Date.now()
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() - startedMs > 30_000) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
