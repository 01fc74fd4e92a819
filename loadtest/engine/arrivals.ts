/** A stage of a rate: it goes in a straight line from the rate before it to its own, per millisecond. */
export interface RateStage {
  readonly durationMs: number
  readonly fromPerMs: number
  readonly toPerMs: number
}

/**
 * When iteration 0, 1, 2, … is due, in milliseconds from the beginning of the scenario. Iterations are spaced
 * fractionally, as k6's are: number n starts as soon as more than n iterations are due, by the area under the rate.
 * So n is at n / rate for a constant rate, and a rate of zero starts none. No error adds up over a long run.
 */
export function* arrivalTimesMs(stages: readonly RateStage[]): Generator<number, void> {
  let [startMs, due, next] = [0, 0, 0]
  for (const { durationMs, fromPerMs, toPerMs } of stages) {
    const slope = durationMs > 0 ? (toPerMs - fromPerMs) / durationMs : 0
    const area = ((fromPerMs + toPerMs) / 2) * durationMs
    // Half a millionth of an iteration is rounding: 1,000 × 0.001 must not start one at the very end.
    while (next < due + area - 5e-7) {
      const missing = Math.max(0, next - due)
      // The smaller root of fromPerMs·t + slope·t²/2 = missing, in the form that loses no digits near a slope of 0.
      const root = Math.sqrt(Math.max(0, fromPerMs ** 2 + 2 * slope * missing))
      yield startMs + (missing === 0 ? 0 : (2 * missing) / (fromPerMs + root))
      next += 1
    }
    startMs += durationMs
    due += area
  }
}
