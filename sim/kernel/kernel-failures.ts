/** Why a run of the kernel ends before what it runs does. */
import { Data } from "effect"

/** The main effect waits for something that will never come. */
export class KernelStalled extends Data.TaggedError("KernelStalled")<{
  readonly step: number
  readonly virtualMs: number
}> {
  override get message(): string {
    return `the simulation stalled at step ${this.step}: nothing is left to run, and no timer is set`
  }
}

/** The run took more steps or more virtual time than it may. */
export class KernelExhausted extends Data.TaggedError("KernelExhausted")<{
  readonly limit: "stepsMax" | "virtualMsMax"
  readonly step: number
  readonly virtualMs: number
}> {
  override get message(): string {
    return `the simulation exceeded ${this.limit} at step ${this.step}`
  }
}

/** The run came to the step at which it was to stop. */
export class StoppedAtStep extends Data.TaggedError("StoppedAtStep")<{ readonly step: number }> {
  override get message(): string {
    return `the simulation stopped at step ${this.step}, as it was told to`
  }
}
