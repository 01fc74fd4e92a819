/** For tests: events that a server's user would not be allowed to send. */
export { craftPdu } from "../craft-event.ts"

/** A message of `sender`. */
export const message = (sender: string, body: string) => ({
  type: "m.room.message",
  sender,
  content: { msgtype: "m.text", body },
})
