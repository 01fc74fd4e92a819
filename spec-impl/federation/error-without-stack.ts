import { Data } from "effect"

/**
 * As `Data.TaggedError`, for what servers tell each other all the time: each is handled, by what it says, and nobody asks
 * where in the code it was made. Writing that down costs more than the request that failed (30 µs).
 */
export const ErrorWithoutStack = <Tag extends string>(tag: Tag) => {
  const Base = Data.TaggedError(tag)
  class WithoutStack extends (Base as new (fields: object) => Error) {
    constructor(fields: object) {
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 0
      try {
        super(fields)
      } finally {
        Error.stackTraceLimit = stackTraceLimit
      }
    }
  }
  return WithoutStack as unknown as typeof Base
}
