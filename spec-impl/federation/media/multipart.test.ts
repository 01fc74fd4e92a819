/** Multipart answers are read as they are written, and in every form that is right; nothing else is taken for media. */
import { describe, expect, it } from "vitest"
import { dispositionOf, filenameIn } from "./content-headers.ts"
import { readMultipart, writeMultipart } from "./multipart.ts"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
const mixed = 'multipart/mixed; boundary="b"'
const read = (body: string, contentType = mixed) => {
  const part = readMultipart(contentType, bytes(body))
  if ("problem" in part) return part.problem
  return part.kind === "file" ? text(part.file.bytes) : part.location
}
const json = "Content-Type: application/json\r\n\r\n{}\r\n"
const whole = `--b\r\n${json}--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n`

describe("a multipart answer", () => {
  it("is read as it was written, whatever the bytes", () => {
    const every = Uint8Array.from({ length: 512 }, (_, at) => at % 256)
    for (const content of [
      every,
      new Uint8Array(0),
      bytes("\r\n"),
      bytes("\r\n--other\r\n\r\n"),
      bytes("\r"),
    ]) {
      const file = { contentType: "image/png", filename: 'a "quoted" näme.png', bytes: content }
      expect(readMultipart(mixed, writeMultipart({ kind: "file", file }, "b"))).toEqual({
        kind: "file",
        file,
      })
    }
    const elsewhere = { kind: "elsewhere", location: "https://cdn/x" } as const
    expect(readMultipart("multipart/mixed;boundary=b", writeMultipart(elsewhere, "b"))).toEqual(elsewhere)
  })

  it("may have text around it, padding, bare line feeds, no end of the last line, and any order of parameters", () => {
    expect(read(whole)).toBe("hello")
    expect(read(`before\r\n${whole}after`)).toBe("hello")
    expect(read(whole.replace("--b\r\n", "--b \t\r\n"))).toBe("hello")
    expect(read(whole.replaceAll("\r\n", "\n"))).toBe("hello")
    expect(read(whole.trimEnd())).toBe("hello")
    expect(read(whole, "Multipart/Mixed; charset=x; Boundary=b")).toBe("hello")
    expect(read(whole.replace("hello", "--bee\r\n--b: no"))).toBe("--bee\r\n--b: no")
    expect(read(whole.replace("hello", "not at--b--\r\nthe start"))).toBe("not at--b--\r\nthe start")
  })

  it("of another form is refused", () => {
    const cut = "the multipart body does not come to its end"
    const count = "the multipart body does not have exactly two parts"
    for (const length of [0, 10, 40, 60, whole.length - 4]) expect(read(whole.slice(0, length))).toBe(cut)
    expect(read(whole, 'multipart/mixed; boundary="c"')).toBe(cut)
    for (const type of ["multipart/mixed", "text/plain; boundary=b", 'multipart/mixed; boundary=""']) {
      expect(read(whole, type)).toContain("is no multipart/mixed")
    }
    expect(read(`--b\r\n${json}--b--\r\n`)).toBe(count)
    expect(read(whole.replace("--b--", `--b\r\n${json}--b--`))).toBe(count)
    expect(read("--b--\r\n")).toBe(count)
    expect(read(whole.replace("{}", "[]"))).toBe("the first part is no JSON object")
    expect(read(whole.replace("application/json", "text/html"))).toBe("the first part is no JSON object")
  })

  it("without a content type holds bytes of no known kind", () => {
    const part = readMultipart(mixed, bytes(`--b\r\n${json}--b\r\n\r\nhello\r\n--b--`))
    expect(part).toMatchObject({ file: { contentType: "application/octet-stream", filename: undefined } })
  })
})

describe("Content-Disposition", () => {
  it("is inline for what cannot harm, attachment for all else", () => {
    const of = (contentType: string) => dispositionOf({ contentType, filename: undefined })
    expect(of("image/png")).toBe("inline")
    expect(of("Text/Plain; charset=utf-8")).toBe("inline")
    expect(of("text/html")).toBe("attachment")
    expect(of("image/svg+xml")).toBe("attachment")
  })

  it("names a file so that the name comes back as it was, and no header with it", () => {
    for (const filename of [
      "a.png",
      'say "hi".txt',
      "back\\slash",
      "näme;x.png",
      "a\r\nSet-Cookie: x",
      "it's (*)",
    ]) {
      const disposition = dispositionOf({ contentType: "image/png", filename })
      expect(disposition).toMatch(/^[\x20-\x7e]+$/)
      expect(filenameIn(disposition)).toBe(filename)
    }
    expect(filenameIn("attachment; filename=plain.txt")).toBe("plain.txt")
    expect(filenameIn("inline; filename=\"old\"; filename*=UTF-8'en'new")).toBe("new")
    expect(filenameIn("inline; filename=\"old\"; filename*=UTF-8''%FF")).toBe("old")
    expect(filenameIn("inline")).toBeUndefined()
    expect(filenameIn(undefined)).toBeUndefined()
  })
})
