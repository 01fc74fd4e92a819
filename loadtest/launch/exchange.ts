/** The launcher's own few requests: what is not load. */
import { Agent, request } from "undici"

/** An answer, read whole. */
export interface Answer {
  readonly status: number
  readonly text: string
}

export interface Asked {
  readonly method: "GET" | "PUT" | "POST"
  /** Path and query as they go on the wire. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Asks one server, whose certificate is judged by `authority`; undefined: by nobody, as is usual on loopback. */
export class Exchange {
  readonly url: string
  readonly #agent: Agent

  constructor(url: string, authority?: string) {
    this.url = url.replace(/\/+$/, "")
    this.#agent = new Agent({
      connect: authority === undefined ? { rejectUnauthorized: false } : { ca: authority },
      headersTimeout: 120_000,
      bodyTimeout: 120_000,
    })
  }

  /** Fails where nobody answers. */
  async ask({ method, path, headers = {}, body }: Asked): Promise<Answer> {
    const answer = await request(`${this.url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      dispatcher: this.#agent,
      ...(body === undefined ? {} : { body }),
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  /** Ends its connections, whatever is under way on them. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** The object in an answer with status 200; else an error that names who said what. */
export const readObject = ({ status, text }: Answer, what: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (status === 200 && typeof value === "object" && value !== null) return value as Record<string, unknown>
  throw new Error(`${what} was answered with ${status}: ${text.slice(0, 200)}`)
}
