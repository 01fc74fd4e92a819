/** For tests: bytes to a port, with or without TLS, and whatever comes back. */
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { type ConnectionOptions, connect as connectTls } from "node:tls"
import { fixturePath } from "./serve-process.ts"

const ca = readFileSync(fixturePath("authority.pem"))

/** What a connection ended with. */
export interface Outcome {
  readonly received: Buffer
  /** Why it broke, where it did. */
  readonly error: string | undefined
}

export interface RawOptions {
  readonly tls?: ConnectionOptions | false
  /** Says no more after its bytes, but goes on listening. */
  readonly halfClose?: boolean
  /** When it turns away by itself. */
  readonly msMax?: number
}

/** Connects to a port of the loopback interface. */
export const openRaw = (port: number, tls: ConnectionOptions | false = {}): Socket =>
  tls === false
    ? connect({ host: "127.0.0.1", port })
    : connectTls({ host: "127.0.0.1", port, ca, servername: "localhost", ...tls })

/** Sends the pieces, and gives what came until the other side closed the connection, or the time was over. */
export const exchangeRaw = (
  port: number,
  pieces: readonly (string | Uint8Array)[],
  { tls = {}, halfClose = false, msMax = 15_000 }: RawOptions = {},
): Promise<Outcome> =>
  new Promise((resolve) => {
    const socket = openRaw(port, tls)
    const chunks: Buffer[] = []
    let error: string | undefined
    const overdue = setTimeout(() => socket.destroy(), msMax)
    socket.on("data", (chunk) => chunks.push(chunk))
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message
    })
    socket.on("close", () => {
      clearTimeout(overdue)
      resolve({ received: Buffer.concat(chunks), error })
    })
    socket.once(tls === false ? "connect" : "secureConnect", () => {
      for (const piece of pieces) socket.write(piece)
      if (halfClose) socket.end()
    })
  })

/** The first answer in what was received. */
export const parseAnswer = (
  received: Buffer,
): { readonly status: number; readonly errcode: unknown } | undefined => {
  const text = received.toString("latin1").replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, "")
  const [, status, rest] = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n([\s\S]*)$/.exec(text) ?? []
  if (rest === undefined) return undefined
  const end = rest.indexOf("\r\n\r\n")
  const length = Number(/^content-length: (\d+)/im.exec(rest.slice(0, end))?.[1] ?? 0)
  try {
    return { status: Number(status), errcode: JSON.parse(rest.slice(end + 4, end + 4 + length)).errcode }
  } catch {
    return { status: Number(status), errcode: undefined }
  }
}
