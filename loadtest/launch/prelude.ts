/** What the target must have taken before a run begins. */
import { CorpusReader } from "../corpus/reader.ts"
import type { Exchange } from "./exchange.ts"
import { LoadFailure } from "./failure.ts"

/** Sends every request of a corpus, one after the other, and makes sure that no PDU was refused. */
export const sendInOrder = async (
  directory: string,
  federation: Exchange,
  onProgress: (done: number, total: number) => void,
): Promise<void> => {
  const corpus = await CorpusReader.open(directory)
  const { requests, target } = corpus.manifest
  try {
    for (let line = 0; line < requests; line++) {
      const { method, path, authorization, body } = await corpus.read(line)
      const headers = { authorization, host: target }
      const answer = await federation.ask({ method, path, headers, ...(body === undefined ? {} : { body }) })
      const problem = problemIn(answer)
      if (problem !== undefined)
        throw new LoadFailure(`the target did not take what comes before the run: ${problem}`)
      onProgress(line + 1, requests)
    }
  } finally {
    await corpus.close()
  }
}

/** Why an answer to `/send` is none: another status, or an `error` of a PDU (§PUT /send: PDU Processing Result). */
export const problemIn = ({
  status,
  text,
}: {
  readonly status: number
  readonly text: string
}): string | undefined => {
  if (status !== 200) return `${status} ${text.slice(0, 200)}`
  const { pdus = {} } = JSON.parse(text) as { pdus?: Readonly<Record<string, { readonly error?: string }>> }
  const refused = Object.entries(pdus).find(([, { error }]) => error !== undefined)
  return refused === undefined ? undefined : `${refused[0]}: ${refused[1].error}`
}
