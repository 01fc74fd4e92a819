/** Whatever comes in is answered: no handler dies of it. */
import type { Check } from "./check.ts"

export const handlers: Check = {
  name: "handlers",
  about: "no request makes a handler die of a defect",
  watch: () => ({
    onRecord: ({ kind, fields }) =>
      kind === "handler-died" ? [`a handler of ${fields[0]} died of a request`] : [],
  }),
}
