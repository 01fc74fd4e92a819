import { connect as connectTcp, isIP, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { Client } from "undici"

/** How TLS trusts: `insecureSkipTLSVerify` of k6, or an authority besides those of the system. */
export interface TlsTrust {
  readonly skipVerify: boolean
  readonly authority?: string | Buffer
}

/** What the script must wait for before its first byte is sent is no part of the duration, as in k6. */
interface Opening {
  socket: Socket | undefined
  connectingMs: number
  tlsMs: number
}

/** One kept connection: HTTP/1.1, a request at a time. */
export class Connection {
  readonly client: Client
  readonly opening: Opening = { socket: undefined, connectingMs: 0, tlsMs: 0 }
  isBusy = false
  bytesWritten = 0
  bytesRead = 0

  constructor(origin: string, trust: TlsTrust) {
    this.client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      // The deadline of a request is the caller's (`HttpClient.expire`): one sweep, no timer for each.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        const started = performance.now()
        const { hostname, protocol } = options
        const port = Number(options.port) || (protocol === "https:" ? 443 : 80)
        const ready = (socket: Socket): void => {
          socket.removeListener("error", failed)
          this.bytesWritten = 0
          this.bytesRead = 0
          this.opening.socket = socket
          callback(null, socket)
        }
        const failed = (error: Error): void => callback(error, null)
        const onTcp = (): void => {
          this.opening.connectingMs = performance.now() - started
        }
        if (protocol === "https:") {
          const socket = connectTls({
            host: hostname,
            port,
            ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
            rejectUnauthorized: !trust.skipVerify,
            ...(trust.authority === undefined ? {} : { ca: trust.authority }),
            ALPNProtocols: ["http/1.1"],
          })
          socket.once("connect", onTcp).once("error", failed)
          socket.once("secureConnect", () => {
            this.opening.tlsMs = performance.now() - started - this.opening.connectingMs
            ready(socket.setNoDelay(true))
          })
        } else {
          const socket = connectTcp({ host: hostname, port })
          socket.once("error", failed)
          socket.once("connect", () => {
            onTcp()
            ready(socket.setNoDelay(true))
          })
        }
      },
    })
  }
}
