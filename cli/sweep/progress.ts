/** How far long work has come, on one line of stderr; nothing where that is no terminal. */
export interface Progress {
  readonly update: (done: number, failures: number) => void
  readonly end: () => void
}

const everyMs = 200

export const showProgress = (total: number, what: string): Progress => {
  if (!process.stderr.isTTY) return { update: () => undefined, end: () => undefined }
  const startedMs = performance.now()
  let shownMs = Number.NEGATIVE_INFINITY
  return {
    update: (done, failures) => {
      const nowMs = performance.now()
      if (nowMs - shownMs < everyMs) return
      shownMs = nowMs
      const rate = done / ((nowMs - startedMs) / 1000)
      const left = rate === 0 ? "?" : `${Math.ceil((total - done) / rate)} s`
      process.stderr.write(
        `\r\u001b[K${done}/${total} ${what}, ${rate.toFixed(1)} a second, ${failures} failures, ${left} left`,
      )
    },
    end: () => void process.stderr.write("\r\u001b[K"),
  }
}
