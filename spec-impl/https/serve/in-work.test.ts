import { expect, it } from "vitest"
import { InWork } from "./in-work.ts"

const membersOf = (count: number) => Array.from({ length: count }, () => ({ place: -1 }))

it("holds what was added and not removed, whatever the order", () => {
  const inWork = new InWork<{ place: number }>()
  const members = membersOf(7)
  for (const member of members) inWork.add(member)
  for (const gone of [0, 6, 3, 5]) inWork.remove(members[gone]!)
  const left = [members[1]!, members[2]!, members[4]!]
  expect(inWork.size).toBe(3)
  expect(new Set(inWork)).toEqual(new Set(left))
  for (const member of left) inWork.remove(member)
  expect([...inWork]).toEqual([])
})

it("lets go of a member once", () => {
  const inWork = new InWork<{ place: number }>()
  const [one, other] = membersOf(2)
  inWork.add(one!)
  inWork.add(other!)
  inWork.remove(one!)
  inWork.remove(one!)
  expect([...inWork]).toEqual([other])
})

it("shows all that were there to whoever removes them one after the other", () => {
  const inWork = new InWork<{ place: number }>()
  for (const member of membersOf(4)) inWork.add(member)
  let seen = 0
  for (const member of inWork) {
    inWork.remove(member)
    seen += 1
  }
  expect([seen, inWork.size]).toEqual([4, 0])
})
