/** All acts of hostile servers. */
import type { ForbiddenAct } from "./act.ts"
import { citationActs } from "./citations.ts"
import { createActs, formActs } from "./forms.ts"
import { levelActs } from "./levels.ts"
import { membershipActs } from "./memberships.ts"

export const forbiddenActs: readonly ForbiddenAct[] = [
  ...createActs,
  ...citationActs,
  ...membershipActs,
  ...levelActs,
  ...formActs,
]
