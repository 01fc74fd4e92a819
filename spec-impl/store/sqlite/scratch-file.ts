/** A file of pages that ends with the process, whatever ends that: it has no name any more once it is open. */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { pageBytes, type Scratch } from "../../core/paging/pages.ts"

/** The file is made by the first page that is written, under that name for a moment; it is closed with the scope. */
export const makeScratchFile = (filename: string): Effect.Effect<Scratch, never, Scope.Scope> => {
  let file: number | undefined
  let isClosed = false
  const open = (): number => {
    if (isClosed) throw new Error(`${filename} is closed`)
    rmSync(filename, { force: true })
    const opened = openSync(filename, "wx+", 0o600)
    rmSync(filename)
    return opened
  }
  const scratch: Scratch = {
    write: (page, bytes) => {
      file ??= open()
      whole(writeSync(file, bytes, 0, pageBytes, page * pageBytes), filename)
    },
    read: (page, bytes) => {
      if (file === undefined) throw new Error(`${filename}: no page was written`)
      whole(readSync(file, bytes, 0, pageBytes, page * pageBytes), filename)
    },
  }
  const close = Effect.sync(() => {
    if (file !== undefined) closeSync(file)
    file = undefined
    isClosed = true
  })
  return Effect.as(
    Effect.addFinalizer(() => close),
    scratch,
  )
}

const whole = (bytes: number, filename: string): void => {
  if (bytes !== pageBytes) throw new Error(`${filename}: ${bytes} of ${pageBytes} bytes of a page`)
}
