/** What is made of a key costs more to make than to use; of so many keys it is kept. */
const keysKeptMax = 10_000

/** `make`, asked once for the bytes of a key while they are kept. */
export const memoByKey = <A>(make: (bytes: Uint8Array) => A): ((bytes: Uint8Array) => A) => {
  const kept = new Map<string, A>()
  const keptOrMade = (bytes: Uint8Array): A => {
    const name = Buffer.from(bytes).toString("latin1")
    const known = kept.get(name)
    if (known !== undefined) return known
    if (kept.size >= keysKeptMax) kept.clear()
    const made = make(bytes)
    kept.set(name, made)
    return made
  }
  let last: { readonly bytes: Uint8Array; readonly made: A } | undefined
  return (bytes) => {
    // Most are asked for again and again, by the same object.
    if (last?.bytes !== bytes) last = { bytes, made: keptOrMade(bytes) }
    return last.made
  }
}
