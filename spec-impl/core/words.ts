/** Bytes four at a time. */
export interface Words {
  readonly words: Uint32Array
  /** Those that stand alone, before and after the words: where memory is cut into words is not up to the bytes. */
  readonly others: readonly number[]
}

export const wordsOf = (bytes: Uint8Array): Words => {
  const { buffer, byteOffset, byteLength } = bytes
  const head = -byteOffset & 3
  if (byteLength < head + 4) return { words: new Uint32Array(0), others: [...bytes] }
  const words = new Uint32Array(buffer, byteOffset + head, (byteLength - head) >>> 2)
  const tail = head + words.length * 4
  return { words, others: [...bytes.subarray(0, head), ...bytes.subarray(tail)] }
}
