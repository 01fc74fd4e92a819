/** How often one may ask, or be asked for (client-server API §Rate limiting). */

const minuteMs = 60_000

/** How often each server or user had a turn in the minute that began with its first. */
export class Turns {
  readonly #perMinuteMax: number
  readonly #taken = new Map<string, { readonly sinceMs: number; count: number }>()

  constructor(perMinuteMax: number) {
    this.#perMinuteMax = perMinuteMax
  }

  /** Takes one turn of `asker`; where it has none left, how many milliseconds it must wait for the next. */
  take(asker: string, nowMs: number): number {
    for (const [name, { sinceMs }] of this.#taken) if (nowMs - sinceMs >= minuteMs) this.#taken.delete(name)
    const taken = this.#taken.get(asker) ?? { sinceMs: nowMs, count: 0 }
    if (taken.count >= this.#perMinuteMax) return taken.sinceMs + minuteMs - nowMs
    taken.count += 1
    this.#taken.set(asker, taken)
    return 0
  }
}
