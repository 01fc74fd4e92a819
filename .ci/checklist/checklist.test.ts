// Shows that the protocol is all there, as far as a list can: each line of the checklist, each endpoint, each EDU and
// each newer behaviour has a row, and what rows name exists. That tests fail without the behaviour, take-out.ts shows.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { specifiedEdus, specifiedEndpoints } from "#sim/world/endpoints/specified.ts"
import { readingDefinitions } from "#spec-impl/core/readings.ts"
import { root } from "../source-files.ts"
import { divergences } from "./divergences.ts"
import { protocolTable, tablePath } from "./readme.ts"
import { removalOf } from "./row.ts"
import { allRows } from "./rows.ts"

const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** Number and title of each line of the user's checklist. */
const lines = [...read(".ci/checklist/seed.md").matchAll(/- \[ \] (?<id>[\d.]+) +(?<title>.+)/g)].map(
  ({ groups }) => [groups!.id!, groups!.title!.trim()] as const,
)

/** What the specification has gained since, each by a word that a row's id or title has. */
const gained = [
  "restricted joins",
  "knock_restricted",
  "join_authorised_via_users_server",
  "partial-state",
  "omit_members",
  "room version 7",
  "room version 8",
  "room version 10",
  "room version 11",
  "redaction in rooms 8",
  "redaction in rooms 9",
  "redaction in rooms 11",
  "integer power levels",
  "creators",
  "room id",
  "state resolution v2.1",
  "MSC4307",
  "stripped state",
  "policy server",
  "check 7",
  "cross-signing keys",
  "fallback keys",
  "X-Matrix, destination",
  "_matrix-fed",
  "ACLs in either case",
  "threaded receipts",
]

const missing = <A>(wanted: readonly A[], nameOf: (one: A) => string, isThere: (one: A) => boolean) =>
  wanted.filter((one) => !isThere(one)).map(nameOf)

describe("the rows", () => {
  test("are there for each line of the checklist, under its own title", () => {
    expect(lines).toHaveLength(88)
    const titles = new Map(allRows.map(({ id, title }) => [id, title]))
    expect(lines.map(([id]) => [id, titles.get(id)])).toEqual(lines)
  })

  test("are there for each endpoint, each EDU, and what the specification has gained", () => {
    const texts = allRows.map(({ id, title }) => `${id} ${title}`.toLowerCase())
    const says = (word: string): boolean => texts.some((text) => text.includes(word.toLowerCase()))
    const without = [
      ...missing(
        specifiedEndpoints,
        ({ route }) => route,
        ({ route }) => allRows.some((row) => row.route === route),
      ),
      ...missing(specifiedEdus, String, says),
      ...missing(gained, String, says),
    ]
    expect(without).toEqual([])
  })

  test("are there once", () => {
    const ids = allRows.map(({ id }) => id)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  })

  test("name files that exist", () => {
    const files = allRows.flatMap(({ handler, test: named }) => [handler, named.split(" > ")[0]!])
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  test("name tests that exist", () => {
    const tests = [...allRows.map((row) => row.test), ...divergences.flatMap((one) => one.tests)]
    expect(tests.filter((named) => !isWritten(named))).toEqual([])
  })

  test("are taken out at one place in one file", () => {
    const faults = allRows.filter((row) => {
      const { file, from, to } = removalOf(row)
      return read(file).split(from).length !== 2 || from === to
    })
    expect(faults.map(({ id }) => id)).toEqual([])
  })
})

describe("the divergences", () => {
  test("are the twenty, each with a test, and a switch or the reason why there is none", () => {
    expect(divergences.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
    const bare = divergences.filter(
      ({ tests, readings, note }) => tests.length === 0 || (readings.length === 0 && note === undefined),
    )
    expect(bare).toEqual([])
    const names = new Set<string>(readingDefinitions.map(({ name }) => name))
    expect(divergences.flatMap(({ readings }) => readings).filter((name) => !names.has(name))).toEqual([])
  })
})

test("the table is what the rows say (node .ci/checklist/readme.ts --write renews it)", () => {
  expect(read(tablePath)).toBe(protocolTable())
})

/** Names of tests as patterns, by file: what stands in a template is anything, a name that is no text any name. */
const patterns = new Map<string, readonly RegExp[]>()

const patternsIn = (file: string): readonly RegExp[] => {
  const known = patterns.get(file)
  if (known !== undefined) return known
  const calls = read(file).matchAll(
    /\b(?:it|test|describe)(?:\.\w+(?:\([^)]*\))?(?:<[^(]*>)?)?\(\s*(?:"(?<text>(?:[^"\\]|\\.)*)"|`(?<template>[^`]*)`|\w)/g,
  )
  const found = [...calls].map(({ groups }) => {
    const source = groups?.text ?? groups?.template
    if (source === undefined) return /^.+$/
    const parts = (groups?.text === undefined ? source.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/) : [source]).map(
      (part) =>
        part
          .replaceAll(/\\(.)/g, "$1")
          .replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
          .replaceAll(/\$\w+|%s/g, ".+"),
    )
    return new RegExp(`^${parts.join(".+")}$`)
  })
  patterns.set(file, found)
  return found
}

const isWritten = (named: string): boolean => {
  const [file = "", ...names] = named.split(" > ")
  return (
    existsSync(join(root, file)) &&
    names.every((name) => patternsIn(file).some((pattern) => pattern.test(name)))
  )
}
