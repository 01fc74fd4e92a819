/**
 * The most that a server can take: requests that were written before, over so many connections, each sent as soon as the
 * one before it on its connection is answered. It does next to nothing itself, so that the server is the limit.
 */
import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"

export interface Goal {
  readonly url: string
  /** Of its certificate, in PEM; undefined where it speaks plain HTTP. */
  readonly authority?: string | undefined
  readonly connections: number
}

const headEnd = Buffer.from("\r\n\r\n")

/** Sends all of `requests`, in their order, and hands each answer's body to `check`; fails where one is not 200. */
export const sendClosed = async (
  { url, authority, connections }: Goal,
  requests: readonly Buffer[],
  check: (body: Buffer) => void = () => undefined,
): Promise<void> => {
  const { hostname: host, port } = new URL(url)
  let next = 0
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const to = { host, port: Number(port) }
      const socket: Socket = authority === undefined ? connect(to) : connectTls({ ...to, ca: authority })
      socket.setNoDelay(true)
      const sendNext = (): void => {
        const request = requests[next++]
        if (request === undefined) {
          socket.end()
          resolve()
        } else socket.write(request)
      }
      const takeAnswer = onAnswer((status, body) => {
        if (status !== 200) return reject(new Error(`answered ${status}: ${body.toString()}`))
        check(body)
        sendNext()
      })
      socket.on("data", takeAnswer)
      socket.on("error", reject)
      socket.on("close", () => reject(new Error("the server closed a connection")))
      socket.once(authority === undefined ? "connect" : "secureConnect", sendNext)
    })
  await Promise.all(Array.from({ length: connections }, work))
}

/** Takes what comes on a connection, and gives each answer once it is whole. */
const onAnswer = (give: (status: number, body: Buffer) => void): ((chunk: Buffer) => void) => {
  let chunks: Buffer[] = []
  let bytes = 0
  let wanted = 0
  return (chunk) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes < wanted) return
    const answer = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    const end = answer.indexOf(headEnd)
    const head = end < 0 ? "" : answer.toString("latin1", 0, end)
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    wanted = end < 0 ? 0 : end + headEnd.length + length
    chunks = [answer]
    if (end < 0 || bytes < wanted) return
    chunks = []
    bytes = 0
    wanted = 0
    give(Number(head.slice(9, 12)), answer.subarray(end + headEnd.length))
  }
}
