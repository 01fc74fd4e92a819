import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { runText } from "../testing/run-text.ts"
import { startStub } from "../testing/stub-homeserver.ts"

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

describe("the life of a test", () => {
  it("goes from init through setup, iterations and teardown to the summary, as in k6", async () => {
    const { result, lines, printed } = await runText(
      `
      import exec from "k6/execution"
      export const options = { scenarios: {
        first: { executor: "per-vu-iterations", vus: 2, iterations: 2, env: { COLOUR: "blue" } },
        second: { executor: "shared-iterations", startTime: "1s", exec: "other" },
      } }
      export const setup = async () => ({ list: [1, 2] })
      export default async (data) => {
        data.list.push(__ENV.COLOUR, __ENV.WORD)
        console.log(__VU, __ITER, data.list.join(" "), exec.scenario.name, exec.vu.idInTest, exec.scenario.iterationInTest)
      }
      export const other = (data) => console.warn("other", exec.scenario.executor, data.list.length, exec.test.options.scenarios.first.vus)
      export const teardown = (data) => console.log("down", data.list.length)
      export const handleSummary = (data) => ({ stdout: JSON.stringify(data.setup_data) + data.metrics.iterations.values.count })
    `,
      { env: { WORD: "hello" } },
    )
    expect(result.exitCode).toBe(0)
    expect([...lines].sort()).toEqual([
      "info: 1 0 1 2 blue hello first 1 0",
      "info: 1 1 1 2 blue hello first 1 2",
      "info: 2 0 1 2 blue hello first 2 1",
      "info: 2 1 1 2 blue hello first 2 3",
      "info: down 2",
      "warn: other shared-iterations 2 2",
    ])
    expect(lines.slice(-2)).toEqual(["warn: other shared-iterations 2 2", "info: down 2"])
    expect(printed).toBe('{"list":[1,2]}5')
  })

  it("runs once without options", async () => {
    const { result, printed } = await runText("export default () => {}")
    expect(result).toMatchObject({ exitCode: 0, iterations: 1, engine: { name: "node" } })
    expect(printed).toContain("iterations")
  })

  it("ends an iteration when all that it began has ended", async () => {
    const { result, lines } = await runText(`
      export const options = { vus: 1, iterations: 2 }
      export default () => {
        let ticks = 0
        const interval = setInterval(() => { if (++ticks === 3) { clearInterval(interval); console.log("ticked", __ITER) } }, 5)
        setTimeout(() => Promise.resolve().then(() => setTimeout(() => console.log("late", __ITER), 5)), 20)
        clearTimeout(setTimeout(() => console.log("never"), 1))
      }`)
    expect(result.iterations).toBe(2)
    expect(lines).toEqual(["info: ticked 0", "info: late 0", "info: ticked 1", "info: late 1"])
  })
})

describe("metrics", () => {
  it("of a script have its tags, checks and groups", async () => {
    const { result } = await runText(`
      import { check, group } from "k6"
      import { Counter, Gauge, Rate, Trend } from "k6/metrics"
      import exec from "k6/execution"
      const counter = new Counter("my_counter"), gauge = new Gauge("my_gauge"), rate = new Rate("my_rate")
      const trend = new Trend("my_trend", true)
      export const options = { iterations: 4, thresholds: {
        "my_counter{kind:odd}": ["count==2"], "my_counter{place:here}": ["count==4"], "checks{check:even}": ["rate==0.5"],
        "my_trend{group:::outer::inner}": ["max==30"], my_trend: ["max<30"], "my_gauge{scenario:default}": ["value==3"],
      } }
      export default () => {
        exec.vu.metrics.tags.place = "here"
        counter.add(1, { kind: __ITER % 2 ? "odd" : "even" })
        gauge.add(__ITER)
        rate.add(__ITER > 0)
        check(__ITER, { even: (n) => n % 2 === 0, always: true })
        group("outer", () => group("inner", () => { trend.add(__ITER * 10); check(1, { deep: () => true }) }))
      }`)
    expect(result.exitCode).toBe(99)
    const verdicts = Object.fromEntries(result.thresholds.map(({ metric, ok }) => [metric, ok]))
    expect(verdicts).toEqual({
      "my_counter{kind:odd}": true,
      "my_counter{place:here}": true,
      "checks{check:even}": true,
      "my_trend{group:::outer::inner}": true,
      my_trend: false,
      "my_gauge{scenario:default}": true,
    })
    const { metrics, root_group } = result.summary!
    expect(metrics.my_rate).toMatchObject({ type: "rate", values: { rate: 0.75, passes: 3, fails: 1 } })
    expect(metrics.my_gauge).toMatchObject({ type: "gauge", values: { value: 3, min: 0, max: 3 } })
    expect(metrics.my_trend).toMatchObject({ contains: "time", values: { avg: 15, min: 0, max: 30 } })
    expect(metrics.group_duration).toBeDefined()
    // No request was made, and no threshold asks.
    expect(metrics.http_reqs).toBeUndefined()
    expect(root_group.id).toBe("d41d8cd98f00b204e9800998ecf8427e")
    expect(root_group.checks).toMatchObject([
      { name: "even", passes: 2, fails: 2 },
      { name: "always", passes: 4, fails: 0 },
    ])
    expect(root_group.groups[0]!.groups[0]).toMatchObject({
      name: "inner",
      path: "::outer::inner",
      checks: [{ path: "::outer::inner::deep", passes: 4 }],
    })
  })

  it("are refused where a VU declares another type under the same name", async () => {
    const { result } = await runText(`
      import { Counter, Trend } from "k6/metrics"
      new Counter("twice"); new Trend("twice")
      export default () => {}`)
    expect(result).toMatchObject({ exitCode: 107, reason: expect.stringContaining("twice is there already") })
  })
})

describe("http", () => {
  it("keeps its connections, sends what it is told, and reads the answer", async () => {
    const stub = await startStub({
      serverName: "a",
      answer: ({ path }) =>
        path === "/missing" ? { status: 404, body: { errcode: "M_NOT_FOUND" } } : undefined,
    })
    closing.push(stub.close)
    const { result, lines } = await runText(
      `
      import http from "k6/http"
      export const options = { iterations: 20, thresholds: { "http_req_failed{expected_response:false}": ["rate==1"] } }
      export default async () => {
        const url = __ENV.URL
        const text = await http.asyncRequest("POST", url + "/text?a=b%20c", "päyload", { headers: { "X-One": "1" } })
        const bytes = await http.asyncRequest("PUT", http.url\`\${url}/bytes/\${__ITER}\`, new Uint8Array([65, 66]).buffer, { responseType: "binary" })
        const form = await http.asyncRequest("POST", url + "/form", { a: "1 2", b: "ü" }, { responseType: "none" })
        const missing = await http.asyncRequest("GET", url + "/missing")
        const fine = await http.asyncRequest("GET", url + "/missing", null, { responseCallback: http.expectedStatuses(404, { min: 500, max: 599 }) })
        if (__ITER === 0) console.log(text.status, text.headers["Content-Type"], text.json().origin, bytes.body instanceof ArrayBuffer,
          bytes.body.byteLength > 10, form.body, missing.status, missing.json().errcode, missing.error, text.timings.duration > 0, fine.status)
      }`,
      { env: { URL: stub.url } },
    )
    expect(lines).toEqual(["info: 200 application/json a true true null 404 M_NOT_FOUND  true 404"])
    expect(result.exitCode).toBe(0)
    const [text, bytes, form] = stub.requests
    expect(text).toMatchObject({
      method: "POST",
      path: "/text?a=b%20c",
      body: "päyload",
      headers: { "x-one": "1" },
    })
    expect(bytes).toMatchObject({ method: "PUT", path: "/bytes/0", body: "AB" })
    expect(form).toMatchObject({ body: "a=1%202&b=%C3%BC" })
    const { http_reqs, http_req_failed, data_sent, data_received, http_req_connecting } =
      result.summary!.metrics
    expect(http_reqs!.values.count).toBe(100)
    // 404 is a failure unless it is expected.
    expect(http_req_failed!.values.passes).toBe(20)
    expect(data_sent!.values.count).toBeGreaterThan(100 * 50)
    expect(data_received!.values.count).toBeGreaterThan(100 * 50)
    // One connection for all: a hundred requests, of which the first had to connect.
    expect(http_req_connecting!.values["p(95)"]).toBe(0)
    expect(http_req_connecting!.values.max).toBeGreaterThan(0)
  })

  it("sends a path as it is given, since it may be signed", async () => {
    const stub = await startStub({ serverName: "a" })
    closing.push(stub.close)
    await runText(
      `
      import http from "k6/http"
      export default async () => {
        for (const path of ["/!r:a.b/../$x?y={}&z=%2f#part", "?q=1", ""]) await http.asyncRequest("GET", __ENV.URL + path)
      }`,
      { env: { URL: stub.url } },
    )
    expect(stub.requests.map(({ path }) => path)).toEqual(["/!r:a.b/../$x?y={}&z=%2f", "/?q=1", "/"])
  })

  it("sends side by side what a script does not await", async () => {
    const stub = await startStub({ serverName: "a", delayMs: 400 })
    closing.push(stub.close)
    const { result } = await runText(
      `
      import http from "k6/http"
      export default () => { for (let i = 0; i < 5; i++) http.asyncRequest("GET", __ENV.URL) }`,
      { env: { URL: stub.url } },
    )
    expect(stub.requests).toHaveLength(5)
    const { iteration_duration, http_reqs } = result.summary!.metrics
    expect(http_reqs!.values.count).toBe(5)
    expect(iteration_duration!.values.max).toBeLessThan(1_900)
  })

  it("tells nothing of requests that the end of the test gave up", async () => {
    const stub = await startStub({ serverName: "a", delayMs: 60_000 })
    closing.push(stub.close)
    const { result } = await runText(
      `
      import http from "k6/http"
      export const options = { thresholds: { http_req_failed: ["rate==0"] },
        scenarios: { a: { executor: "constant-vus", vus: 3, duration: "1s", gracefulStop: "100ms" } } }
      export default async () => { await http.asyncRequest("GET", __ENV.URL) }
      export const teardown = () => new Promise((done) => setTimeout(done, 200))`,
      { env: { URL: stub.url } },
    )
    expect(stub.requests).toHaveLength(3)
    expect(result).toMatchObject({ exitCode: 0, iterations: 0 })
    expect(result.summary!.metrics.http_reqs).toBeUndefined()
  })

  it("tells errors as k6 does, with status 0", async () => {
    const stub = await startStub({ serverName: "a", delayMs: 5_000 })
    closing.push(stub.close)
    const { lines, result } = await runText(
      `
      import http from "k6/http"
      export default async () => {
        const show = ({ status, error_code, error }) => console.log(status, error_code, error)
        show(await http.asyncRequest("GET", __ENV.URL, null, { timeout: "300ms" }))
        show(await http.asyncRequest("GET", "http://127.0.0.1:1"))
        show(await http.asyncRequest("GET", "nonsense"))
      }`,
      { env: { URL: stub.url } },
    )
    expect(lines).toEqual([
      "info: 0 1050 request timeout",
      "info: 0 1212 connect ECONNREFUSED 127.0.0.1:1",
      "info: 0 1020 invalid URL",
    ])
    expect(result.summary!.metrics.http_req_failed!.values.rate).toBe(1)
  })

  it("says what to write in place of what blocks", async () => {
    const { lines } = await runText(`
      import http from "k6/http"
      export default () => { http.get("http://127.0.0.1:1") }`)
    expect(lines[0]).toContain(
      "http.get blocks its VU, which one thread cannot: use await http.asyncRequest(…)",
    )
  })

  it("trusts certificates as it is told to", async () => {
    const directory = mkdtempSync(join(tmpdir(), "netsplit-tls-"))
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")]
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat(
        ["-keyout", key, "-out", cert],
        subject,
      ),
      { stdio: "ignore" },
    )
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
      response.end("hello")
    })
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    closing.push(() => {
      server.closeAllConnections()
      server.close()
      rmSync(directory, { recursive: true })
    })
    const ask = async (insecure: boolean, authorityPath?: string) => {
      const source = `
        import http from "k6/http"
        export const options = { insecureSkipTLSVerify: ${insecure}, thresholds: { http_req_tls_handshaking: ["max>0"] } }
        export default async () => {
          const { status, error_code } = await http.asyncRequest("GET", __ENV.URL)
          console.log(status, error_code)
        }`
      const env = { URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
      const { lines } = await runText(source, {
        env,
        ...(authorityPath === undefined ? {} : { authorityPath }),
      })
      return lines.join()
    }
    expect(await ask(true)).toBe("info: 200 0")
    expect(await ask(false, cert)).toBe("info: 200 0")
    expect(await ask(false)).toBe("info: 0 1310")
  })
})

describe("files", () => {
  it("are read in the init context by open, and by k6/experimental/fs where a VU needs them", async () => {
    const { lines, result } = await runText(`
      import { open as openFile, SeekMode } from "k6/experimental/fs"
      import { SharedArray } from "k6/data"
      import { b64decode, b64encode } from "k6/encoding"
      const text = open("./script.ts")
      const bytes = open("./script.ts", "b")
      let file
      ;(async () => { file = await openFile("script.ts") })()
      let made = 0
      const shared = new SharedArray("lines", () => { made++; return text.split("\\n") })
      export const options = { scenarios: { two: { executor: "per-vu-iterations", vus: 2, iterations: 1 } } }
      export default async () => {
        const { size, name } = await file.stat()
        const five = new Uint8Array(5)
        await file.seek(-5, SeekMode.End)
        const [read, end] = [await file.read(five), await file.read(five)]
        await file.seek(1, SeekMode.Start)
        await file.seek(1, SeekMode.Current)
        const late = await openFile("script.ts").catch(({ message }) => message)
        console.log(bytes.byteLength === size, name, read, end, shared.length === text.split("\\n").length, made, Object.isFrozen(shared),
          late, b64encode("ü"), b64decode("w7w=", "std", "s"), b64decode("w7w").byteLength, b64encode("ü", "rawurl"))
      }`)
    expect(result.exitCode).toBe(0)
    const said = "true script.ts 5 null true"
    const rest = "true open() is for the init context w7w= ü 2 w7w"
    // The array is made by the first evaluation of the script, which tells the options, and by no VU.
    expect(lines).toEqual([`info: ${said} 0 ${rest}`, `info: ${said} 0 ${rest}`])
  })
})

describe("exit codes are those of k6", () => {
  it.each([
    ["export default () => { syntax", 104],
    ["throw new Error('at once')", 107],
    ["export const options = { scenarios: { a: { executor: 'nonsense' } } }\nexport default () => {}", 104],
    ["export const options = { thresholds: { iterations: ['lots'] } }\nexport default () => {}", 104],
    ["export const options = { iterations: 1 }", 104],
    ["export const setup = () => { throw new Error('no') }\nexport default () => {}", 107],
    ["export const teardown = async () => { throw new Error('no') }\nexport default () => {}", 107],
    [
      "export const options = { setupTimeout: '50ms' }\nexport const setup = () => new Promise(() => {})\nexport default () => {}",
      100,
    ],
    ["import exec from 'k6/execution'\nexport default () => exec.test.abort('enough')", 108],
    [
      "import exec from 'k6/execution'\nexport const setup = () => exec.test.abort('enough')\nexport default () => {}",
      108,
    ],
    ["import exec from 'k6/execution'\nexport default () => exec.test.fail('bad')", 110],
    ["export const options = { thresholds: { iterations: ['count>1'] } }\nexport default () => {}", 99],
    // An iteration that throws is an iteration.
    ["export default () => { throw new Error('no') }", 0],
  ])("%s: %i", async (source, exitCode) => {
    const { result } = await runText(source)
    expect(result.exitCode).toBe(exitCode)
  })

  // In a process of its own: vitest takes a rejection that nobody catches for a failure of the test.
  it.each([
    [
      "in the init context 107",
      "(async () => { throw new Error('lost') })()\nexport default () => {}",
      "107 0",
    ],
    ["in an iteration 0", "export default () => { Promise.reject(new Error('lost')) }", "0 1"],
  ])("where nobody catches a rejection %s", (_, source, expected) => {
    const directory = mkdtempSync(join(tmpdir(), "netsplit-rejection-"))
    closing.push(() => rmSync(directory, { recursive: true }))
    const script = join(directory, "script.ts")
    writeFileSync(script, source)
    const engine = new URL("run-script.ts", import.meta.url).href
    const program = `
      import { runScript } from ${JSON.stringify(engine)}
      const said = []
      const log = (level, text) => said.push(text.split("\\n")[0])
      const { exitCode, iterations } = await runScript({ script: ${JSON.stringify(script)}, env: {}, engine: "node", log, print: () => {} })
      console.log(exitCode, iterations, said[0])`
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
    })
    expect(output).toBe(`${expected} uncaught in promise: Error: lost\n`)
  })

  it("105 where it is stopped from outside; what is under way is interrupted, and there is a summary", async () => {
    const stop = new AbortController()
    const source = `
      export const options = { vus: 2, duration: "1h" }
      export default () => new Promise((done) => setTimeout(done, 1_000_000))
      export const teardown = () => console.log("down")`
    const { result, lines } = await runText(source, {
      signal: stop.signal,
      onProgress: ({ activeVus }) => {
        if (activeVus === 2) stop.abort()
      },
    })
    expect(result).toMatchObject({ exitCode: 105, iterations: 0 })
    expect(lines).toEqual(["info: down"])
    expect(result.summary!.metrics.vus_max!.values.value).toBe(2)
  })
})
