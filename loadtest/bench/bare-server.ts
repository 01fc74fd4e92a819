/** The least that a server does: node:http answers a kilobyte that it has at hand. Told its port, it says it. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const answer = JSON.stringify({
  server_name: "bare.example",
  server: { name: "bare node:http", version: process.versions.node },
  padding: "x".repeat(900),
})

const server = createServer((_, response) => {
  response.setHeader("content-type", "application/json")
  response.end(answer)
})
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
// The server lives as long as who started it.
process.stdin.on("end", () => process.exit()).resume()
