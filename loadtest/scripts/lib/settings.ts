/** What a run is told by `-e NAME=value`, with what holds where nothing is said. */

const read = (name: string): string | undefined => {
  const value = __ENV[name]
  return value === undefined || value === "" ? undefined : value
}

const readNumber = (name: string, fallback: number): number => {
  const value = Number(read(name) ?? fallback)
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, and is ${__ENV[name]}`)
  return value
}

/** The base URL of the server under load, without a slash at its end. */
export const target = (read("TARGET") ?? "https://127.0.0.1:8448").replace(/\/+$/, "")

/** The directory of the corpus, as an absolute path; `keys` needs none. */
export const corpusDirectory = read("CORPUS")

/** Who must be on the port, where no corpus says it. */
export const serverName = read("SERVER_NAME")

/** Where the summary goes as JSON. */
export const summaryPath = read("SUMMARY_PATH")

/** Certificates that nobody vouches for are usual on loopback, and nowhere else. */
export const skipsTlsVerification =
  (read("INSECURE") ?? String(/^https:\/\/(127\.|localhost[:/]|\[::1\])/.test(`${target}/`))) === "true"

/** How a flow is driven: what a script defaults to, and what the run says. */
export interface Pace {
  /** Iterations a second. */
  readonly rate: number
  /** How long, as k6 writes it: `30s`. */
  readonly duration: string
  /** What 95 of 100 answers must be under. */
  readonly latencyMsMax: number
}

/** The pace that RATE, DURATION and LATENCY_MS_MAX ask for. */
export const paceOf = (defaults: Pace): Pace => ({
  rate: readNumber("RATE", defaults.rate),
  duration: read("DURATION") ?? defaults.duration,
  latencyMsMax: readNumber("LATENCY_MS_MAX", defaults.latencyMsMax),
})

/**
 * How many VUs a rate needs: as many as are at work at once while answers take as long as they may (Little's law).
 * All are made before the run, so that a dropped iteration is a server or a generator that cannot keep up.
 */
export const vusFor = ({ rate, latencyMsMax }: Pace): number =>
  readNumber("VUS", Math.max(10, Math.ceil((rate * latencyMsMax) / 1_000)))

/** `1m30s` in seconds. */
export const secondsOf = (duration: string): number => {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 }
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0) throw new Error(`DURATION must be like 30s or 1m30s, and is ${duration}`)
  return parts.reduce((sum, part) => sum + Number(part[1]) * units[part[2]!]!, 0)
}
