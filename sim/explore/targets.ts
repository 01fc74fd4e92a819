/** What a request asks for, by its path. */

export const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const transactionOf = (target: string): string | undefined => {
  const id = /^\/_matrix\/federation\/v1\/send\/([^/?]+)/.exec(target)?.[1]
  return id === undefined ? undefined : decoded(id)
}

export const eventOf = (target: string): string | undefined => {
  const id = /^\/_matrix\/federation\/v1\/event\/([^/?]+)/.exec(target)?.[1]
  return id === undefined ? undefined : decoded(id)
}

/** The event that a server has made for a room in which it may not be, and hands to one that is (§Joining, Leaving, Knocking). */
export const handedOver = (target: string): string | undefined => {
  const id = /^\/_matrix\/federation\/v\d+\/send_(?:join|leave|knock)\/[^/]+\/([^/?]+)/.exec(target)?.[1]
  return id === undefined ? undefined : decoded(id)
}

/** The event by which a server asks to be let in. */
export const joinOf = (target: string): string | undefined => {
  const id = /^\/_matrix\/federation\/v\d+\/send_join\/[^/]+\/([^/?]+)/.exec(target)?.[1]
  return id === undefined ? undefined : decoded(id)
}

/** Endpoints that name no room: of one event, whose room is its sender's to say, and of keys. */
export const isAbout = (target: string, roomId: string): boolean =>
  /\/federation\/v\d+\/event\//.test(target) || decoded(target).includes(roomId)

export const isAboutKeys = (target: string): boolean => target.startsWith("/_matrix/key/")

export const isOwnKeys = (target: string): boolean => target.startsWith("/_matrix/key/v2/server")

export const isOfState = (target: string, eventId: string): boolean =>
  /\/(?:state|state_ids|send_join)\//.test(target) && decoded(target).includes(eventId)
