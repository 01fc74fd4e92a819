/** Which processors work on what, where Linux lets one say so. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"

/** The processor that the target gets to itself, and those of everybody else; undefined where that cannot be. */
export interface Split {
  readonly target: number
  readonly others: string
}

/** The processors that this process may use, by number. */
const allowed = (): readonly number[] => {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? ""
    return list.split(",").flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number)
      return Array.from({ length: last - first + 1 }, (_, at) => first + at)
    })
  } catch {
    return []
  }
}

const hasTaskset = (): boolean => {
  try {
    execFileSync("taskset", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** The last processor is the target's. */
export const splitProcessors = (): Split | undefined => {
  const processors = allowed()
  if (processors.length < 2 || availableParallelism() < 2 || !hasTaskset()) return undefined
  return { target: processors.at(-1)!, others: processors.slice(0, -1).join(",") }
}

/** Moves this process with all its threads there; gives what moves it back. */
export const pinSelf = (processors: string): (() => void) => {
  const before = allowed().join(",")
  const move = (to: string) => execFileSync("taskset", ["-acp", to, String(process.pid)], { stdio: "ignore" })
  move(processors)
  return () => void move(before)
}

/** What a process has used up so far. */
export interface Usage {
  readonly cpuMs: number
  readonly rssBytes: number
  readonly rssBytesMax: number
}

/** Of a process of this machine, from /proc; undefined where there is none. */
export const usageOf = (pid: number | undefined): Usage | undefined => {
  if (pid === undefined) return undefined
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ")
    const status = readFileSync(`/proc/${pid}/status`, "latin1")
    const bytesOf = (name: string): number =>
      Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1_024
    // proc(5): utime and stime are fields 14 and 15, the state, which is first here, is 3; in ticks of 10 ms.
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10
    return { cpuMs, rssBytes: bytesOf("VmRSS"), rssBytesMax: bytesOf("VmHWM") }
  } catch {
    return undefined
  }
}
