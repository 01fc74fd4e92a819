/** Pages, and what is kept in them: as if all of it were in memory, of which few are. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PagedIndex } from "./paged-index.ts"
import { PagedLists } from "./paged-lists.ts"
import { memoryScratch, Pages, type Scratch } from "./pages.ts"

const fewPages = (scratch: Scratch = memoryScratch()): Pages => new Pages(scratch, 0)

describe("pages", () => {
  it("are what was written to them last, however many there are", () => {
    const write = fc.tuple(fc.nat(20), fc.nat(1_023), fc.integer())
    fc.assert(
      fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
        const pages = fewPages()
        for (let page = 0; page <= 20; page++) expect(pages.make()).toBe(page)
        const words = new Map<string, number>()
        for (const [page, at, word] of writes) {
          pages.change(page).words[at] = word
          words.set(`${page} ${at}`, word)
        }
        for (const [place, word] of words) {
          const [page, at] = place.split(" ").map(Number)
          expect(pages.read(page!).words[at!]).toBe(word)
        }
        expect(pages.held).toBe(4)
      }),
      { endOnFailure: true },
    )
  })

  it("stay in memory where they cannot be written, and leave it as soon as they can", () => {
    const scratch = memoryScratch()
    let isFull = true
    const pages = fewPages({
      ...scratch,
      write: (page, bytes) => {
        if (isFull) throw new Error("no space left")
        scratch.write(page, bytes)
      },
    })
    for (let page = 0; page < 20; page++) pages.change(pages.make()).words[0] = page
    expect(pages.held).toBe(20)
    isFull = false
    pages.make()
    expect(pages.held).toBe(4)
    for (let page = 0; page < 20; page++) expect(pages.read(page).words[0]).toBe(page)
  })

  it("are never those of another one where one cannot be read", () => {
    const scratch = memoryScratch()
    const pages = fewPages({ ...scratch, read: () => expect.fail("cannot be read") })
    for (let page = 0; page < 6; page++) pages.change(pages.make()).words[0] = page
    expect(() => pages.read(0)).toThrow("cannot be read")
    expect(() => pages.read(0)).toThrow("cannot be read")
    expect(pages.read(5).words[0]).toBe(5)
  })
})

describe("an index in pages", () => {
  const filled = (hashes: readonly number[]) => {
    const pages = fewPages()
    const index = new PagedIndex(pages)
    for (const [number, hash] of hashes.entries()) index.add(hash, number)
    for (const [number, hash] of hashes.entries()) {
      expect(index.find(hash, (found) => found === number)).toBe(number)
      expect(index.find(hash, () => false)).toBe(-1)
    }
    return { index, pages }
  }
  /** Each once, and spread over all that 32 bits are. */
  const spread = (count: number) =>
    Array.from({ length: count }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 0)

  it("finds what was added, and nothing else", () => {
    const { index, pages } = filled(spread(20_000))
    expect(index.find(0, () => true)).toBe(-1)
    expect(pages.held).toBe(4)
    expect(pages.count).toBeLessThan((20_000 / 510) * 2.5)
  })

  it("finds what was added under few hashes, or under those that end alike, in few more pages", () => {
    for (const alike of [
      spread(3_000).map((hash) => hash & 3),
      spread(3_000).map((hash) => (hash << 16) >>> 0),
    ]) {
      const { pages } = filled(alike)
      expect(pages.count).toBeLessThan(40)
    }
  })

  it("finds nothing before anything was added", () => {
    expect(new PagedIndex(fewPages()).find(7, () => true)).toBe(-1)
  })
})

describe("lists in pages", () => {
  const idOf = (number: number): Uint8Array => new Uint8Array(32).fill(number)

  it("are what they were made of, and where they ended others are", () => {
    const pages = fewPages()
    const lists = new PagedLists(pages)
    const kept = lists.make([1, 2, 3].map(idOf))
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 200 }, (_, at) => idOf((at + round) % 256))
      const list = lists.make(ids)
      expect(lists.read(list)).toEqual(ids)
      lists.end(list)
    }
    expect(lists.read(kept)).toEqual([1, 2, 3].map(idOf))
    expect(pages.count).toBe(2)
  })
})
